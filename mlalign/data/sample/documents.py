"""Documents of a topic: what its own words say among sentences that could stand anywhere."""

from mlalign.data.sample.choices import Choices
from mlalign.data.sample.lexicon import TOPICS
from mlalign.data.sample.plans import Sentence
from mlalign.data.sample.scenes import everyday_sentence, topic_sentence

LABELS = dict(zip(TOPICS, ("CCAT", "ECAT", "GCAT", "MCAT"), strict=True))


def documents(choices: Choices, count: int) -> list[tuple[str, list[Sentence]]]:
    """Return labelled documents, as many of each topic, in random order."""
    topics = [TOPICS[position % len(TOPICS)] for position in range(count)]
    return [(LABELS[topic], document(choices, topic)) for topic in choices.shuffled(topics)]


def document(choices: Choices, topic: str) -> list[Sentence]:
    """Return one or two sentences of the topic, one or two of none, seldom one of another topic."""
    sentences = [topic_sentence(choices, topic)]
    if choices.chance(0.6):
        sentences.append(topic_sentence(choices, topic))
        if choices.chance(0.3):
            others = [other for other in TOPICS if other != topic]
            sentences.append(topic_sentence(choices, choices.pick(others)))
    sentences.append(everyday_sentence(choices))
    if len(sentences) == 2 and choices.chance(0.5):
        sentences.append(everyday_sentence(choices))
    return choices.shuffled(sentences)
