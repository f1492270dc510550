"""Random documents that are workflows, and random JSON."""

from typing import Any

from hypothesis import strategies as st

NAMES = st.text(max_size=5)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
)
STRINGS = st.text(max_size=6) | st.sampled_from(
    ["${a}", "$<a.b[0]>", "x ${a ?? 1}\n", "$${a}", "$HOME", "$<in", "${a[$<i>].c}"]
)
VALUES = st.recursive(
    SCALARS | STRINGS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=6,
)
EXTRAS = st.dictionaries(NAMES.map(lambda name: f"_{name}"), VALUES, max_size=2)


def shuffled(
    required: dict[str, st.SearchStrategy[Any]],
    optional: dict[str, st.SearchStrategy[Any]],
    extras: st.SearchStrategy[dict[str, Any]],
) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that have some keys and may have others, in any order."""
    known = st.fixed_dictionaries(required, optional=optional)
    merged = st.tuples(known, extras).map(lambda parts: parts[0] | parts[1])
    return merged.flatmap(
        lambda whole: st.permutations(list(whole)).map(
            lambda keys: {key: whole[key] for key in keys}
        )
    )


FILLED = st.text(min_size=1, max_size=5)
STREAMS = st.sampled_from(["jsonl", "csv", "lines", "glob"]).flatmap(
    lambda form: st.fixed_dictionaries({form: STRINGS.filter(bool)})
)
RETRIES = shuffled(
    {},
    {
        "max_attempts": st.integers(1, 100),
        "wait": st.integers(0, 9) | st.floats(0, 9),
        "backoff": st.integers(1, 9) | st.floats(1, 9),
        "max_wait": st.integers(0, 9) | st.floats(0, 9),
        "jitter": st.sampled_from(["none", "full"]),
        "on": st.lists(
            st.sampled_from(["TimeoutError", "a.b.C"]) | st.integers(400, 599),
            min_size=1,
            max_size=3,
        ),
    },
    st.just({}),
)
BATCHES = shuffled(
    {"items": STRINGS | st.lists(VALUES, max_size=3) | STREAMS},
    {
        "as": st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,5}", fullmatch=True),
        "parallel": st.booleans(),
        "max_concurrent": st.integers(1, 100),
        "error_handling": st.sampled_from(["fail_fast", "continue"]),
        "max_retries": st.integers(1, 10),
        "retry_wait": st.integers(0, 9) | st.floats(0, 9),
        "max_items": st.integers(1),
        "key": STRINGS.filter(bool),
        "results_to": STRINGS.filter(bool),
        "retry": RETRIES,
        "timeout": st.integers(1, 10**9) | st.floats(0.1, 9),
        "batch_timeout": st.integers(1, 10**9) | st.floats(0.1, 9),
        "rate_limit": shuffled(
            {
                "requests": st.integers(1, 10**9),
                "per": st.integers(1, 10**9) | st.floats(0.1, 9),
            },
            {},
            st.just({}),
        ),
        "tolerated_failure_count": st.integers(0),
        "tolerated_failure_percentage": st.integers(0, 100) | st.floats(0, 100),
    },
    st.just({}),
)
DOCUMENTS = shuffled(
    {
        "nodes": st.lists(
            shuffled(
                {"id": FILLED, "type": FILLED},
                {
                    "purpose": NAMES,
                    "params": st.dictionaries(NAMES, VALUES, max_size=3),
                    "batch": BATCHES,
                },
                EXTRAS,
            ),
            min_size=1,
            max_size=3,
        )
    },
    {
        "$schema": NAMES,
        "edges": st.lists(
            shuffled({"from": FILLED, "to": FILLED}, {"action": FILLED}, EXTRAS),
            max_size=2,
        ),
        "start_node": FILLED,
        "inputs": st.dictionaries(
            NAMES,
            shuffled(
                {},
                {
                    "required": st.booleans(),
                    "default": VALUES,
                    "description": NAMES,
                    "stdin": st.booleans(),
                },
                EXTRAS,
            ),
            max_size=2,
        ),
        "outputs": st.dictionaries(
            NAMES,
            shuffled(
                {}, {"source": STRINGS, "type": NAMES, "description": NAMES}, EXTRAS
            ),
            max_size=2,
        ),
        "template_resolution_mode": st.sampled_from(["strict", "permissive"]),
        "enable_namespacing": st.just(True),
        "ir_version": st.sampled_from(["0.1.0", "0.2.10"]),
        "name": VALUES,
        "description": VALUES,
        "version": VALUES,
        "metadata": VALUES,
    },
    EXTRAS,
)
