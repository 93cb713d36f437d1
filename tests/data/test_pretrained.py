"""Models from a hub on loopback: the real client, a cache of its own, and every kind of refusal."""

import shutil

import pytest
import torch
from safetensors.torch import load_file

from mlalign.data.hub.pretrained import from_folder, from_hub
from mlalign.errors import DataError
from mlalign.models.backbone import load_backbone

NAME = "owner/model"


def published(folder, **other):
    """The files of a model as a repository holds them, and what is of no use here."""
    files = {path.name: path for path in folder.iterdir() if path.is_file()}
    return files | {"README.md": "about", "onnx/model.onnx": "x", "tf_model.h5": "x"} | other


def pickled(folder, **other):
    """The same with weights as torch.save writes them."""
    path = folder / "pytorch_model.bin"
    torch.save(load_file(folder / "model.safetensors"), path)
    files = published(folder, **other)
    del files["model.safetensors"]
    return files


@pytest.fixture
def copy(xlmr_folder, tmp_path):
    return shutil.copytree(xlmr_folder, tmp_path / "copy")


def offline(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def asked_for(hub):
    return {path.rsplit("/", 1)[-1] for method, path, _ in hub.requests if method == "GET"}


@pytest.mark.parametrize("family", ["xlmr", "bert"])
def test_a_model_comes_from_the_hub_once(hub, family, request, monkeypatch):
    folder = request.getfixturevalue(f"{family}_folder")
    hub.repository("models", NAME, published(folder))
    found = from_hub(NAME, "main")
    assert found.commit == hub.commit("models", NAME)
    assert not asked_for(hub) & {"README.md", "model.onnx", "tf_model.h5"}
    (model, tokenizer), (expected, _) = (load_backbone(one, attention="sdpa") for one in (found.folder, folder))
    for name, value in expected.state_dict().items():
        assert model.state_dict()[name].equal(value), name
    assert tokenizer.is_fast
    asked = len(hub.requests)
    assert from_hub(NAME, found.commit) == found  # a commit in the cache: no request at all
    assert len(hub.requests) == asked
    offline(monkeypatch)
    assert from_hub(NAME, "main") == found
    assert from_folder(found.folder) == found  # the snapshot's folder tells its commit


def test_only_pickled_weights_are_read_as_tensors(hub, copy):
    hub.repository("models", NAME, pickled(copy, **{"pytorch_model.generator.bin": "x"}))
    found = from_hub(NAME, "main")
    assert "pytorch_model.generator.bin" not in asked_for(hub)
    model, _ = load_backbone(found.folder, attention="sdpa")
    stored = load_file(copy / "model.safetensors")
    assert model.state_dict()["roberta.embeddings.word_embeddings.weight"].equal(
        stored["roberta.embeddings.word_embeddings.weight"]
    )


def test_a_pickle_that_would_run_code_is_refused(copy, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "touched"), "w"))

    torch.save({"weight": Evil()}, copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"backbone\.path=.*copy: transformers cannot load it"):
        load_backbone(copy, attention="sdpa")
    assert not (tmp_path / "touched").exists()


def test_safetensors_are_preferred_and_parts_are_all_fetched(hub, copy):
    model, _ = load_backbone(copy, attention="sdpa")
    files = pickled(copy)
    model.save_pretrained(copy / "parts", max_shard_size="40kB")
    files |= {path.name: path for path in (copy / "parts").iterdir()}
    assert sum(name.endswith(".safetensors") for name in files) > 2
    hub.repository("models", NAME, files)
    found = from_hub(NAME, "main")
    assert "pytorch_model.bin" not in asked_for(hub)
    again, _ = load_backbone(found.folder, attention="sdpa")
    for name, value in model.state_dict().items():
        assert again.state_dict()[name].equal(value), name


def test_of_whole_weights_and_their_parts_the_whole_is_fetched(hub, copy):
    parts = {f"model-0000{n}-of-00002.safetensors": b"no tensors" for n in (1, 2)}
    hub.repository("models", NAME, published(copy, **parts))
    found = from_hub(NAME, "main")
    assert not asked_for(hub) & parts.keys()
    assert from_hub(NAME, found.commit) == found


def test_an_interrupted_fetch_is_gone_on_with(hub, xlmr_folder):
    hub.repository("models", NAME, published(xlmr_folder))
    hub.fail(404, "model.safetensors")
    with pytest.raises(DataError):
        from_hub(NAME, "main")
    hub.mend()
    before = len(hub.requests)
    load_backbone(from_hub(NAME, "main").folder, attention="sdpa")
    later = [path for method, path, _ in hub.requests[before:] if method == "GET"]
    assert not [path for path in later if path.endswith("tokenizer.json")]


def test_a_cut_connection_loses_nothing(hub, xlmr_folder):
    hub.repository("models", NAME, published(xlmr_folder))
    hub.fail("cut", "model.safetensors", times=2)
    hub.fail("damaged", "tokenizer.json", times=1)
    found = from_hub(NAME, "main")
    expected = (xlmr_folder / "model.safetensors").read_bytes()
    assert (found.folder / "model.safetensors").read_bytes() == expected


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ((401, "resolve"), "accept the terms.*HF_TOKEN"),
        ((404, "model.safetensors"), "no such file"),
        ((429, ""), "too many requests"),
        ((503, "tokenizer.json"), "server failed"),
        (("short", "model.safetensors"), "ended before the length|checksum"),
        (("damaged", "model.safetensors"), "checksum"),
    ],
)
def test_what_the_hub_refuses_ends_in_one_message(hub, xlmr_folder, fault, words):
    hub.repository("models", NAME, published(xlmr_folder))
    hub.fail(*fault)
    with pytest.raises(DataError, match=rf"(?s)backbone owner/model: .*({words}).*hf download"):
        from_hub(NAME, "main")


@pytest.mark.parametrize(
    ("name", "revision", "words"),
    [("owner/none", "main", "no such repository"), (NAME, "v9", "no such revision")],
)
def test_a_wrong_name_or_revision_is_named(hub, xlmr_folder, name, revision, words):
    hub.repository("models", NAME, published(xlmr_folder))
    with pytest.raises(DataError, match=words):
        from_hub(name, revision)


def test_without_network_the_message_says_how_to_get_the_weights():
    with pytest.raises(DataError) as error:
        from_hub("nobody/no-such-backbone", "v2")
    message = str(error.value)
    assert message.startswith("backbone nobody/no-such-backbone: ")
    assert "hf download nobody/no-such-backbone --revision v2 --local-dir no-such-backb" in message
    assert "backbone.path=no-such-backbone" in message
    assert "HF_HUB_OFFLINE=1" in message


def test_a_wrong_path_is_named(tmp_path):
    with pytest.raises(DataError, match=r"backbone\.path=.*nowhere: no config\.json"):
        from_folder(tmp_path / "nowhere")
