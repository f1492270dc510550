from dataclasses import dataclass, field

from pflow_lower.ir.codec import decode
from pflow_lower.ir.fields import filled, reads
from pflow_lower.ir.sites import Site, sites
from pflow_lower.ir.workflow import Batch, BatchStep, TemplateValue, Value, Workflow
from pflow_lower.source.positions import JSON, Location
from pflow_lower.template.parser import parse_template

BATCH: dict[str, JSON] = {
    "items": ["${a}", {"x": "${b ?? c[${d}]}"}],
    "as": "file",
    "key": "${file.id}",
    "results_to": "${out}/${day}.jsonl",
}


def workflow(**keys: JSON) -> Workflow:
    node: JSON = {"id": "n", "type": "echo", **keys}
    source: JSON = {"source": "${n.results}"}
    decoded, found = decode({"nodes": [node], "outputs": {"all": source, "none": {}}})
    assert found == ()
    return decoded


def shown(site: Site) -> tuple[str, str, str, bool]:
    owner = site.node.id if site.node else ""
    return owner, site.field, str(site.reference), bool(site.bound)


def test_every_field_that_holds_templates_is_visited() -> None:
    batch = workflow(batch=BATCH, params={"a": ["${file}", "$${x}"], "b": 1})

    assert list(map(shown, sites(batch))) == [
        ("n", "items", "${a}", False),
        ("n", "items", "${b ?? c[${d}]}", False),
        ("n", "key", "${file.id}", True),
        ("n", "results_to", "${out}", False),
        ("n", "results_to", "${day}", False),
        ("n", "params", "${file}", True),
        ("", "source", "${n.results}", False),
    ]


def test_the_item_and_its_index_are_bound_in_a_batch_only() -> None:
    (key, *_) = (site for site in sites(workflow(batch=BATCH)) if site.field == "key")
    (plain, _) = sites(workflow(params={"value": "${file}"}))

    assert key.bound == {"file", "__index__"}
    assert plain.bound == frozenset()


def test_a_path_knows_where_it_is_and_what_it_is_for() -> None:
    (site, _) = sites(workflow(params={"value": "to ${b ?? c[${d}]}"}))
    value = Location(("nodes", 0, "params", "value"))

    assert [
        (str(use.path), use.location, use.is_index, use.is_last) for use in site.uses()
    ] == [
        ("b", value.slice(5, 6), False, False),
        ("c[${d}]", value.slice(10, 17), False, True),
        ("d", value.slice(14, 15), True, True),
    ]


def test_a_field_that_is_added_to_batches_is_visited() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Longer(Batch):
        label: Value | None = field(
            default=None, metadata=reads(filled, templates="item")
        )

    template, _ = parse_template("${item.name}")
    batch = Longer(items=TemplateValue(template), label=TemplateValue(template))
    step = BatchStep(id="n", type="echo", batch=batch)

    found = list(sites(Workflow(nodes=(step,), start="n")))

    assert [(site.field, bool(site.bound)) for site in found] == [
        ("items", False),
        ("label", True),
    ]
