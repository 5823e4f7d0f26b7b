"""Check a study file: `python -m vclip.listening.study STUDY.json`.

Everything it names has to be there and fit together; the first mistake is told in one line.
`--schema` prints the JSON schema of study files instead (assets/studies/study.schema.json).
"""

import argparse
import json

from vclip.errors import reported
from vclip.listening.design.study_file import json_schema, load
from vclip.listening.design.trials import cells


@reported
def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m vclip.listening.study", description=__doc__)
    parser.add_argument("study", metavar="STUDY.json", nargs="?")
    parser.add_argument("--schema", action="store_true")
    options = parser.parse_args(argv)
    if options.schema:
        print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    elif options.study:
        study = load(options.study)
        print(f"{study.study}: {len(study.items)} items, {len(cells(study))} cells, all files fine")
    else:
        parser.error("give a STUDY.json or --schema")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
