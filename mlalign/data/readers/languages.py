"""What releases call the languages that have a code in ISO 639-1.

Where a language has several scripts or varieties, the short code means the usual one: ``zh`` is
simplified Chinese, ``ar`` Modern Standard Arabic, ``ks`` Kashmiri in Arabic script.
"""

import re

FLORES = """
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

# Tatoeba's three letters name the macrolanguage, or its most usual member: cmn, swh, lvs, pes.
ISO_639_3 = """
afr=af amh=am ara=ar aze=az bam=bm bel=be ben=bn bos=bs bre=br bul=bg cat=ca ces=cs cmn=zh cor=kw
cym=cy dan=da deu=de ell=el eng=en epo=eo est=et eus=eu ewe=ee fao=fo fin=fi fra=fr fry=fy gla=gd
gle=ga glg=gl hau=ha heb=he hin=hi hrv=hr hun=hu hye=hy ibo=ig ido=io ile=ie ina=ia ind=id isl=is
ita=it jav=jv jpn=ja kat=ka kaz=kk khm=km kin=rw kor=ko kur=ku lat=la lit=lt lug=lg lvs=lv mal=ml
mar=mr mkd=mk mon=mn nld=nl nno=nn nob=nb nya=ny oci=oc pes=fa pol=pl por=pt ron=ro rus=ru slk=sk
slv=sl sna=sn spa=es sqi=sq srp=sr swe=sv swh=sw tam=ta tat=tt tel=te tgl=tl tha=th tsn=tn tuk=tk
tur=tr twi=tw uig=ug ukr=uk urd=ur uzb=uz vie=vi wol=wo xho=xh yid=yi yor=yo zsm=ms zul=zu
"""

LOCALES = """
af-ZA=af am-ET=am ar-SA=ar az-AZ=az bn-BD=bn ca-ES=ca cy-GB=cy da-DK=da de-DE=de el-GR=el en-US=en
es-ES=es fa-IR=fa fi-FI=fi fr-FR=fr he-IL=he hi-IN=hi hu-HU=hu hy-AM=hy id-ID=id is-IS=is it-IT=it
ja-JP=ja jv-ID=jv ka-GE=ka km-KH=km kn-IN=kn ko-KR=ko lv-LV=lv ml-IN=ml mn-MN=mn ms-MY=ms my-MM=my
nb-NO=nb nl-NL=nl pl-PL=pl pt-PT=pt ro-RO=ro ru-RU=ru sl-SL=sl sq-AL=sq sv-SE=sv sw-KE=sw ta-IN=ta
te-IN=te th-TH=th tl-PH=tl tr-TR=tr ur-PK=ur vi-VN=vi zh-CN=zh
"""


def _codes(pairs: str) -> dict[str, str]:
    return dict(re.findall(r"([\w-]+)=(\w+)", pairs))


CODES: dict[str, dict[str, str]] = {
    "iso639_1": {},
    "iso639_3": _codes(ISO_639_3),
    "flores": _codes(FLORES),
    "locale": _codes(LOCALES),
}
