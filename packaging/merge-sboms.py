"""Merges CycloneDX lists of the same program, each for another platform: prints the first, with the
components and dependencies that only others have."""

import json
import sys


def load(path):
    """Reads a list; the program itself is named after the folder that it was built in."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    own = json.loads(text)["metadata"]["component"]
    return json.loads(text.replace(own["bom-ref"], f"{own['name']}@{own['version']}"))


merged = load(sys.argv[1])
components = {one["bom-ref"]: one for one in merged["components"]}
dependencies = {one["ref"]: one for one in merged["dependencies"]}
for path in sys.argv[2:]:
    other = load(path)
    if other["metadata"]["component"]["bom-ref"] != merged["metadata"]["component"]["bom-ref"]:
        sys.exit(f"{path} lists another program than {sys.argv[1]}")
    for one in other["components"]:
        components.setdefault(one["bom-ref"], one)
    for one in other["dependencies"]:
        known = dependencies.setdefault(one["ref"], one)
        needed = set(known.get("dependsOn", [])) | set(one.get("dependsOn", []))
        if needed:
            known["dependsOn"] = sorted(needed)
merged["components"] = sorted(components.values(), key=lambda one: one["bom-ref"])
merged["dependencies"] = sorted(dependencies.values(), key=lambda one: one["ref"])
json.dump(merged, sys.stdout, indent=2)
print()
