"""Made text in three languages, and a tiny random encoder of every family, saved in folders."""

import copy
import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from families import SHAPE, save_distinct, write_deberta, write_minilm, write_mmbert
from hub_server import HubServer, serving
from hydra._internal.config_repository import ConfigRepository
from hydra.plugins.config_source import ConfigResult
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertTokenizer,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
    XLMRobertaForMaskedLM,
)

from mlalign.config.folder import CONF
from mlalign.models.tiny import build_tiny, train_tokenizer

WORDS = {
    "en": (
        ["the cat", "a dog", "my friend", "the teacher", "our doctor"],
        ["sees", "likes", "paints", "remembers"],
        ["the river.", "an old house.", "Berlin!", "two small horses."],
    ),
    "de": (
        ["die Katze", "ein Hund", "mein Freund", "die Lehrerin", "unser Arzt"],
        ["sieht", "mag", "malt", "erinnert"],
        ["den Fluss.", "ein altes Haus.", "Berlin!", "zwei kleine Pferde."],
    ),
    "ru": (
        ["кошка", "собака", "мой друг", "учительница", "наш врач"],
        ["видит", "любит", "рисует", "помнит"],
        ["реку.", "старый дом.", "Берлин!", "двух маленьких лошадей."],
    ),
}
SENTENCES = {language: [" ".join(parts) for parts in product(*words)] for language, words in WORDS.items()}
FAMILIES = ("xlmr", "bert", "modernbert", "mmbert", "deberta")


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """Nobody turns this machine off; what a power cut leaves is tested in processes of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _files_of_conf_are_read_once() -> Iterator[None]:
    """For every configuration Hydra reads twenty of them and copies all that it knows, in a third of its time."""
    read, known = ConfigRepository.load_config, dict[tuple[str, ...], ConfigResult]()

    def load(self: ConfigRepository, config_path: str) -> ConfigResult | None:
        key = (*(one.path for one in self.sources), config_path)
        if key not in known:
            found = read(self, config_path)
            if found is None or found.path != f"file://{CONF}":
                return found
            known[key] = found
        return replace(known[key], config=copy.deepcopy(known[key].config))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConfigRepository, "load_config", load)
        patch.setattr(ConfigRepository, "__deepcopy__", lambda self, _: copy.copy(self), raising=False)
        yield


@pytest.fixture(scope="session")
def sentences() -> dict[str, list[str]]:
    """Language -> 80 sentences; row i of each says the same."""
    return SENTENCES


@pytest.fixture(scope="session")
def xlmr_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("xlmr")
    texts = [text for language in SENTENCES.values() for text in language]
    train_tokenizer(texts, 400).save_pretrained(folder / "tokenizer")
    build_tiny(folder, folder / "tokenizer", layers=2, width=32, heads=4, seed=1)
    save_distinct(XLMRobertaForMaskedLM.from_pretrained(folder), folder)
    return folder


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    words = sorted({word.strip(".!") for text in SENTENCES.values() for word in " ".join(text).split()})
    letters = sorted({letter for word in words for letter in word} | set("[]<>/_.!LANGMSK"))
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *words]
    pieces += [f"##{letter}" for letter in letters]
    vocabulary = {piece: place for place, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = BertTokenizer(vocab=vocabulary, do_lower_case=False)
    tokenizer.save_pretrained(folder)
    config = BertConfig(vocab_size=len(tokenizer), intermediate_size=64, **SHAPE)
    save_distinct(BertForMaskedLM(config), folder)
    return folder


@pytest.fixture(scope="session")
def modernbert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level tokenizer, whose pieces hold the space before a word."""
    folder = tmp_path_factory.mktemp("modernbert")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((text for rows in SENTENCES.values() for text in rows), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)
    ids = {"pad": 0, "cls": 2, "sep": 3, "bos": 2, "eos": 3}
    config = ModernBertConfig(
        vocab_size=len(tokenizer.get_vocab()),
        intermediate_size=64,
        **{f"{name}_token_id": number for name, number in ids.items()},
        **SHAPE,
    )
    save_distinct(ModernBertForMaskedLM(config), folder)
    return folder


@pytest.fixture(scope="session")
def mmbert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mmbert")
    write_mmbert(folder, (text for rows in SENTENCES.values() for text in rows))
    return folder


@pytest.fixture(scope="session")
def deberta_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deberta")
    write_deberta(folder, (text for rows in SENTENCES.values() for text in rows))
    return folder


@pytest.fixture(scope="session")
def minilm_folder(xlmr_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A body whose tokenizer is that of ``xlmr_folder``."""
    folder = tmp_path_factory.mktemp("minilm")
    write_minilm(folder, len(AutoTokenizer.from_pretrained(xlmr_folder)))
    return folder


@pytest.fixture(params=FAMILIES)
def family_folder(request: pytest.FixtureRequest) -> Path:
    """The folder of each family in turn."""
    return request.getfixturevalue(f"{request.param}_folder")


@pytest.fixture
def tokenizer(xlmr_folder: Path) -> Any:
    """The tiny XLM-R's, without language tokens."""
    return AutoTokenizer.from_pretrained(xlmr_folder)


@pytest.fixture
def write_parallel(tmp_path: Path) -> Any:
    """Write ``parallel/<corpus>/en-<language>.tsv`` and return the root."""

    def write(language: str, pairs: Any, corpus: str = "made") -> Path:
        path = tmp_path / "parallel" / corpus / f"en-{language}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{one}\t{two}\n" for one, two in pairs), encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub on loopback, empty, that this process and those it starts use, with a cache of its own.

    Waiting between attempts takes no time in this process.
    """
    with serving(tmp_path / "hub") as server:
        cache = tmp_path / "hf"
        settings = {
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(cache),
            "HF_HUB_CACHE": str(cache / "hub"),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        # What huggingface_hub read from the environment when it was imported.
        template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        constants = {
            "ENDPOINT": server.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": template,
            "HF_HOME": str(cache),
            "HF_HUB_CACHE": str(cache / "hub"),
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,
        }
        for name, value in constants.items():
            monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
        huggingface_hub.close_session()
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        yield server
    huggingface_hub.close_session()
