"""What releases call the languages that have a code in ISO 639-1.

Where a language has several scripts or varieties, the short code means the usual one: ``zh`` is
simplified Chinese, ``ar`` Modern Standard Arabic, ``ks`` Kashmiri in Arabic script.
"""

from mlalign.data.languages import canonical

FLORES = """
afr_Latn aka_Latn als_Latn amh_Ethi arb_Arab asm_Beng ayr_Latn azj_Latn bak_Cyrl bam_Latn bel_Cyrl ben_Beng bod_Tibt
bos_Latn bul_Cyrl cat_Latn ces_Latn cym_Latn dan_Latn deu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn est_Latn eus_Latn
ewe_Latn fao_Latn fij_Latn fin_Latn fra_Latn fuv_Latn gaz_Latn gla_Latn gle_Latn glg_Latn grn_Latn guj_Gujr hat_Latn
hau_Latn heb_Hebr hin_Deva hrv_Latn hun_Latn hye_Armn ibo_Latn ind_Latn isl_Latn ita_Latn jav_Latn jpn_Jpan kan_Knda
kas_Arab kat_Geor kaz_Cyrl khk_Cyrl khm_Khmr kik_Latn kin_Latn kir_Cyrl kmr_Latn knc_Latn kon_Latn kor_Hang lao_Laoo
lim_Latn lin_Latn lit_Latn ltz_Latn lug_Latn lvs_Latn mal_Mlym mar_Deva mkd_Cyrl mlt_Latn mri_Latn mya_Mymr nld_Latn
nno_Latn nob_Latn=nb npi_Deva nya_Latn oci_Latn ory_Orya pan_Guru pbt_Arab pes_Arab plt_Latn pol_Latn por_Latn
quy_Latn ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sin_Sinh slk_Latn slv_Latn smo_Latn sna_Latn snd_Arab som_Latn
sot_Latn spa_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn tam_Taml tat_Cyrl tel_Telu tgk_Cyrl
tgl_Latn=tl tha_Thai tir_Ethi tsn_Latn tso_Latn tuk_Latn tur_Latn twi_Latn=tw uig_Arab ukr_Cyrl urd_Arab uzn_Latn
vie_Latn wol_Latn xho_Latn ydd_Hebr yor_Latn zho_Hans zsm_Latn zul_Latn
"""

# Tatoeba's three letters name the macrolanguage, or its most usual member: cmn, swh, lvs, pes.
ISO_639_3 = """
afr amh ara aze bam bel ben bos bre bul cat ces cmn cor cym dan deu ell eng epo est eus ewe fao fin fra fry gla gle
glg hau heb hin hrv hun hye ibo ido ile ina ind isl ita jav jpn kat kaz khm kin kor kur lat lit lug lvs mal mar mkd
mon nld nno nob=nb nya oci pes pol por ron rus slk slv sna spa sqi srp swe swh tam tat tel tgl=tl tha tsn tuk tur
twi=tw uig ukr urd uzb vie wol xho yid yor zsm zul
"""

LOCALES = """
af-ZA am-ET ar-SA az-AZ bn-BD ca-ES cy-GB da-DK de-DE el-GR en-US es-ES fa-IR fi-FI fr-FR he-IL hi-IN hu-HU hy-AM
id-ID is-IS it-IT ja-JP jv-ID ka-GE km-KH kn-IN ko-KR lv-LV ml-IN mn-MN ms-MY my-MM nb-NO=nb nl-NL pl-PL pt-PT ro-RO
ru-RU sl-SL sq-AL sv-SE sw-KE ta-IN te-IN th-TH tl-PH=tl tr-TR ur-PK vi-VN zh-CN
"""


def _codes(names: str) -> dict[str, str]:
    """Name -> its code, which is said where releases have another than ``canonical`` gives."""
    pairs = (name.partition("=") for name in names.split())
    return {name: code or canonical(name) for name, _, code in pairs}


CODES: dict[str, dict[str, str]] = {
    "iso639_1": {},
    "iso639_3": _codes(ISO_639_3),
    "flores": _codes(FLORES),
    "locale": _codes(LOCALES),
}
