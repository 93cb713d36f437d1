"""Every method has nine different trials, of which the first is the method as it is."""

import pytest
from composing import composed

from mlalign.config.hydra import resolve
from mlalign.config.settings import values
from mlalign.config.trials import TRIALS, tried
from mlalign.config.validation import method_names
from mlalign.stages.validation import check_parts


@pytest.mark.parametrize("own", [[0.1], [1e-3, 0.05]])
def test_trials_differ_and_span_the_same_ratios_in_every_setting(own):
    found = [tried(own, trial) for trial in range(TRIALS)]
    assert found[0] == own
    assert len(set(map(tuple, found))) == TRIALS
    for place, value in enumerate(own):
        ratios = sorted({one[place] / value for one in found})
        wide = 9.0 if len(own) == 1 else 3.0
        assert (ratios[0], ratios[-1]) == pytest.approx((1 / wide, wide), rel=0.05)
        assert [ratios[n + 1] / ratios[n] for n in range(len(ratios) - 1)] == pytest.approx(
            [3 ** (1 if len(own) == 2 else 0.5)] * (len(ratios) - 1), rel=0.06
        )


@pytest.mark.parametrize("method", method_names())
def test_a_trial_changes_what_its_method_tunes_and_nothing_else(method):
    typed = composed(f"method={method}", "data=another_sample")
    own = values(check_parts(resolve(typed)))
    typed.trial = TRIALS - 1
    last = values(check_parts(resolve(typed)))
    tunes = own["method.tunes"]
    changed = {key for key in own if own[key] != last[key]} - {"trial"}
    assert changed <= {key.split(".")[0] if key.startswith(("losses.", "tuning.")) else key for key in tunes} | {
        "align.learning_rate.heads"  # of `literal`: the encoder's
    }
    assert len(changed) >= len(tunes)
