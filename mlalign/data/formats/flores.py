"""FLORES-200 codes of the languages that have a code in ISO 639-1.

Where a language has several scripts or varieties, the short code means the usual one: ``zh`` is
simplified Chinese, ``ar`` Modern Standard Arabic, ``ks`` Kashmiri in Arabic script.
"""

import re

PAIRS = """
afr_Latn=af aka_Latn=ak als_Latn=sq amh_Ethi=am arb_Arab=ar asm_Beng=as ayr_Latn=ay azj_Latn=az
bak_Cyrl=ba bam_Latn=bm bel_Cyrl=be ben_Beng=bn bod_Tibt=bo bos_Latn=bs bul_Cyrl=bg cat_Latn=ca
ces_Latn=cs cym_Latn=cy dan_Latn=da deu_Latn=de dzo_Tibt=dz ell_Grek=el eng_Latn=en epo_Latn=eo
est_Latn=et eus_Latn=eu ewe_Latn=ee fao_Latn=fo fij_Latn=fj fin_Latn=fi fra_Latn=fr fuv_Latn=ff
gaz_Latn=om gla_Latn=gd gle_Latn=ga glg_Latn=gl grn_Latn=gn guj_Gujr=gu hat_Latn=ht hau_Latn=ha
heb_Hebr=he hin_Deva=hi hrv_Latn=hr hun_Latn=hu hye_Armn=hy ibo_Latn=ig ind_Latn=id isl_Latn=is
ita_Latn=it jav_Latn=jv jpn_Jpan=ja kan_Knda=kn kas_Arab=ks kat_Geor=ka kaz_Cyrl=kk khk_Cyrl=mn
khm_Khmr=km kik_Latn=ki kin_Latn=rw kir_Cyrl=ky kmr_Latn=ku knc_Latn=kr kon_Latn=kg kor_Hang=ko
lao_Laoo=lo lim_Latn=li lin_Latn=ln lit_Latn=lt ltz_Latn=lb lug_Latn=lg lvs_Latn=lv mal_Mlym=ml
mar_Deva=mr mkd_Cyrl=mk mlt_Latn=mt mri_Latn=mi mya_Mymr=my nld_Latn=nl nno_Latn=nn nob_Latn=nb
npi_Deva=ne nya_Latn=ny oci_Latn=oc ory_Orya=or pan_Guru=pa pbt_Arab=ps pes_Arab=fa plt_Latn=mg
pol_Latn=pl por_Latn=pt quy_Latn=qu ron_Latn=ro run_Latn=rn rus_Cyrl=ru sag_Latn=sg san_Deva=sa
sin_Sinh=si slk_Latn=sk slv_Latn=sl smo_Latn=sm sna_Latn=sn snd_Arab=sd som_Latn=so sot_Latn=st
spa_Latn=es srd_Latn=sc srp_Cyrl=sr ssw_Latn=ss sun_Latn=su swe_Latn=sv swh_Latn=sw tam_Taml=ta
tat_Cyrl=tt tel_Telu=te tgk_Cyrl=tg tgl_Latn=tl tha_Thai=th tir_Ethi=ti tsn_Latn=tn tso_Latn=ts
tuk_Latn=tk tur_Latn=tr twi_Latn=tw uig_Arab=ug ukr_Cyrl=uk urd_Arab=ur uzn_Latn=uz vie_Latn=vi
wol_Latn=wo xho_Latn=xh ydd_Hebr=yi yor_Latn=yo zho_Hans=zh zsm_Latn=ms zul_Latn=zu
"""

ISO_639_1: dict[str, str] = dict(re.findall(r"(\w+)=(\w+)", PAIRS))
