"""Word alignments of an aligned encoder, written as others read them."""

import logging
from pathlib import Path

from mlalign.config.commands import AlignWords
from mlalign.data.languages import others
from mlalign.data.pharaoh import read_gold, read_sentence_pairs, written
from mlalign.device import choose_device
from mlalign.files import write_whole
from mlalign.inference import AlignedEncoder
from mlalign.metrics.word_links import alignment_error_rate
from mlalign.models.backbone import quiet_transformers
from mlalign.wording import plural

log = logging.getLogger(__name__)


def align_words(settings: AlignWords) -> Path:
    """Link the words of each line; says how far that is from gold links where there are some.

    Raises:
        ConfigError: there is no GPU.
        DataError: a file or the encoder's folder is not there, or a line is not as it should be.
    """
    source, target = settings.languages
    pairs = read_sentence_pairs(Path(settings.align_words))
    gold = None if settings.gold is None else read_gold(Path(settings.gold), pairs)
    quiet_transformers()
    device = "cuda" if choose_device(settings.accelerator.value) else "cpu"
    encoder = AlignedEncoder(settings.encoder, device=device)
    for language in settings.languages:
        if encoder.languages and others([language], encoder.languages):
            log.warning("languages: alignment has not seen %s, only %s", language, ", ".join(encoder.languages))
    links = encoder.align_words([pair.source for pair in pairs], [pair.target for pair in pairs], source, target)
    output = Path(settings.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(output, "".join(f"{written(line)}\n" for line in links))
    if gold is not None:
        print(f"AER      {100 * alignment_error_rate(links, gold):.1f} per cent of {plural(len(pairs), 'pair')}")
    print(f"written  {output}")
    return output
