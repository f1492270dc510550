import json
import sys
from typing import Any

import pytest
from scripted_models import NAME, Install

from pflow_lower import lower
from pflow_lower.check.schema import schema_text
from pflow_lower.planner import ModelError, Plan, PlanError, plan
from pflow_lower.planner.planning import MAX_REPORTED
from pflow_lower.planner.prompt import instructions

REQUEST = "Shout each of a and b"
WORKFLOW: dict[str, Any] = {
    "nodes": [
        {
            "id": "shout",
            "type": "code",
            "batch": {"items": ["a", "b"], "as": "word", "parallel": True},
            "params": {"code": "result = w.upper()", "inputs": {"w": "${word}"}},
        }
    ]
}
GOOD = json.dumps(WORKFLOW, indent=2)
WRONG_ALIAS = GOOD.replace("${word}", "${wrd}")
TWO_MISTAKES = GOOD.replace('"as"', '"alias"').replace('"parallel"', '"paralel"')
ONE_MISTAKE = GOOD.replace('"code",', '"code", "after": [],')
NONSENSE = "I am sorry, but I only know about gardening."


def planned(**arguments: Any) -> Plan:
    return plan(REQUEST, model=NAME, **arguments)


def failure(**arguments: Any) -> PlanError:
    with pytest.raises(PlanError) as raised:
        planned(**arguments)
    return raised.value


def test_a_good_first_reply_is_the_plan(install: Install) -> None:
    model = install(GOOD)

    made = planned()

    assert made.ir == WORKFLOW
    assert made.text == f"{GOOD}\n"
    assert made.diagnostics == ()
    assert [attempt.reply for attempt in made.attempts] == [GOOD]
    assert lower(made.ir).flow().start_node is not None
    (asked,) = model.prompts
    assert (asked.system, asked.prompt) == (instructions({}), REQUEST)
    assert asked.schema is None


def test_the_schema_goes_to_a_model_that_takes_one(install: Install) -> None:
    model = install(GOOD, supports_schema=True)

    planned()

    assert model.prompts[0].schema == json.loads(schema_text())


def test_a_refused_schema_is_left_out_for_good(install: Install) -> None:
    refusal = RuntimeError("400: Invalid schema for response_format 'output'")
    model = install(refusal, WRONG_ALIAS, GOOD, supports_schema=True)

    assert len(planned().attempts) == 2

    assert [bool(asked.schema) for asked in model.prompts] == [True, False, False]


def test_a_wrong_alias_goes_back_with_its_diagnostic(install: Install) -> None:
    model = install(WRONG_ALIAS, GOOD)

    made = planned()

    assert made.ir == WORKFLOW
    assert len(made.attempts) == 2
    (mistake,) = made.attempts[0].diagnostics
    assert (mistake.code, mistake.line, mistake.column) == ("PFL301", 17, 19)
    first, second = model.prompts
    assert second.system == first.system
    assert second.prompt.startswith(REQUEST)
    assert WRONG_ALIAS in second.prompt
    assert 'reply:17:19: error[PFL301]: no node or input is called "wrd"' in (
        second.prompt
    )
    assert 'did you mean "word"?' in second.prompt


def test_a_plan_that_is_never_good_reports_the_best_reply(install: Install) -> None:
    model = install(TWO_MISTAKES, ONE_MISTAKE, TWO_MISTAKES)

    error = failure()

    assert len(model.prompts) == 3
    assert [attempt.errors for attempt in error.attempts] == [2, 1, 2]
    assert error.best is error.attempts[1]
    assert error.best.text == ONE_MISTAKE
    assert str(error).startswith("no workflow after 3 attempts\nreply:5:23: error[PFL1")


def test_among_equals_the_latest_reply_is_the_best(install: Install) -> None:
    install(ONE_MISTAKE, WRONG_ALIAS)

    error = failure(attempts=2)

    assert error.best is error.attempts[1]


def test_any_workflow_is_better_than_none(install: Install) -> None:
    install(TWO_MISTAKES, NONSENSE)

    error = failure(attempts=2)

    assert [attempt.errors for attempt in error.attempts] == [2, 1]
    assert error.best is error.attempts[0]


def test_each_attempt_is_told_of_the_one_before(install: Install) -> None:
    model = install(NONSENSE, WRONG_ALIAS, GOOD)

    assert len(planned().attempts) == 3

    assert NONSENSE in model.prompts[1].prompt
    assert "reply:1:1: error[PFL001]" in model.prompts[1].prompt
    assert NONSENSE not in model.prompts[2].prompt


@pytest.mark.parametrize("reply", ["", " \n", NONSENSE, "42", "null", "[]", "{" * 200])
def test_nonsense_is_no_workflow(install: Install, reply: str) -> None:
    install(reply)

    error = failure(attempts=1)

    assert error.best.errors == 1
    assert str(error).startswith("no workflow after 1 attempt\nreply:1:")


def test_prose_fences_and_a_comma_too_many_do_no_harm(install: Install) -> None:
    comma = GOOD.replace('"${word}"', '"${word}",')
    install(f'Sure, "{{word}}" is it:\n\n```json\n{comma}\n```\n\nShall I run it?')

    assert planned().ir == WORKFLOW


def test_a_reply_that_was_cut_off_goes_back(install: Install) -> None:
    cut_off = f"```json\n{GOOD[:200]}"
    model = install(cut_off, GOOD)

    made = planned()

    assert made.ir == WORKFLOW
    assert made.attempts[0].text == GOOD[:200]
    assert "error[PFL001]" in model.prompts[1].prompt


def test_a_model_is_not_told_of_mistakes_without_end(install: Install) -> None:
    many = {"nodes": [{"id": str(number)} for number in range(MAX_REPORTED + 5)]}
    model = install(json.dumps(many), GOOD)

    planned()

    assert model.prompts[1].prompt.count("error[PFL102]") == MAX_REPORTED
    assert "… and 5 more\n" in model.prompts[1].prompt


def test_warnings_are_about_the_text_of_the_plan(install: Install) -> None:
    install(json.dumps(WORKFLOW).replace('"${word}"', "1"))

    made = planned()

    (warning,) = made.diagnostics
    assert warning.code == "PFL501"
    assert made.text.splitlines()[(warning.line or 0) - 1].strip() == '"as": "word",'


def test_node_types_of_ones_own_are_told_and_known(install: Install) -> None:
    model = install(GOOD.replace('"code",', '"shouter",'))

    made = planned(nodes={"shouter": "acme.nodes:Shouter"})

    assert made.diagnostics == ()
    assert "- `shouter`: a node type of this project, acme.nodes:Shouter." in str(
        model.prompts[0].system
    )


@pytest.mark.parametrize(
    ("request_text", "arguments", "message"),
    [
        (" \n", {}, "the request is empty"),
        ("x", {"attempts": 0}, "attempts must be at least 1, not 0"),
        ("x", {"nodes": {"a": "b"}}, "nodes['a'] must be package.module:Class"),
    ],
)
def test_arguments_that_make_no_sense(
    install: Install, request_text: str, arguments: dict[str, Any], message: str
) -> None:
    model = install()

    with pytest.raises(ValueError) as raised:  # noqa: PT011 - its text is asserted
        plan(request_text, model=NAME, **arguments)

    assert str(raised.value).startswith(message)
    assert model.prompts == []


@pytest.mark.usefixtures("install")
def test_an_unknown_model() -> None:
    with pytest.raises(ModelError) as raised:
        plan(REQUEST, model="no-such-model")

    assert str(raised.value) == (
        'Unknown model: no-such-model; "llm models" lists those that are installed'
    )


def test_a_model_without_its_key(install: Install) -> None:
    with pytest.raises(ModelError) as raised:
        plan(REQUEST, model="echo-needs-key")

    assert str(raised.value).startswith(
        "echo-needs-key did not answer: No key found - add one using 'llm keys set"
    )


def test_a_model_that_does_not_answer_is_one_line_without_secrets(
    install: Install,
) -> None:
    said = (
        "401 for http://me:pass@host/v1\nwrong key \x1b[31msk-12345, Bearer t0ken-0f-it"
        + 600 * "!"
    )
    headers = {"Authorization": "Bearer t0ken-0f-it"}
    model = install(RuntimeError(said), headers=headers, needs_key="x", key="sk-12345")

    with pytest.raises(ModelError) as raised:
        planned()

    message = str(raised.value)
    assert message.startswith(
        "scripted did not answer: RuntimeError: "
        "401 for http://***@host/v1 wrong key \ufffd[31m***, *** ***!!!"
    )
    assert len(message) < 600
    assert raised.value.__cause__ is None
    assert len(model.prompts) == 1


def test_settings_that_llm_cannot_read(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "aliases.json").write_text("{")
    monkeypatch.setenv("LLM_USER_PATH", str(tmp_path))

    with pytest.raises(ModelError, match="llm: JSONDecodeError: Expecting property"):
        planned()


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llm", None)

    with pytest.raises(ImportError) as raised:
        planned()

    assert str(raised.value) == (
        "the planner needs an extra: pip install 'pflow-lower[llm]'"
    )
