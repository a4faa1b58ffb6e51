"""Policy folders as OPA bundles: one per owner, each with its roots and revision."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from gateway.policy.canonical import strict_loads
from gateway.policy.package import Source, find_sources, platform_source


def stage(directory: Path, target: Path) -> tuple[Path, ...]:
    """Write ``platform``, ``global`` and one bundle folder per domain below ``target``.

    Each holds modules, ``config/…/data.json`` and a ``.manifest``. The folders can be
    given to ``opa run -b`` or packed with ``opa build -b``. ``target`` is emptied first.
    """
    if target.exists():
        shutil.rmtree(target)
    sources = find_sources(directory)
    found = [_write(target / "platform", (platform_source(directory),), ["platform"], None)]
    common = tuple(s for name, s in sources.items() if name.startswith("global."))
    shared = next((s.shared for s in sources.values() if s.shared), None)
    data = ("config/global", shared.text) if shared else None
    found.append(_write(target / "global", common, ["global", "config/global"], data))
    for name, source in sources.items():
        domain = name.removeprefix("domains.")
        if domain != name:
            own = (f"config/{domain}", source.config.text) if source.config else None
            roots = [f"domains/{domain}", f"config/{domain}"]
            found.append(_write(target / domain, (source,), roots, own))
    return tuple(found)


def _write(
    folder: Path, sources: tuple[Source, ...], roots: list[str], data: tuple[str, str] | None
) -> Path:
    revision = "+".join(source.revision for source in sources)
    for source in sources:
        for module in source.modules:
            path = folder / module.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(module.text, encoding="utf-8")
    if data is not None:
        path = folder / data[0] / "data.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(strict_loads(data[1])), encoding="utf-8")
    manifest = {"revision": revision, "roots": roots, "rego_version": 1}
    (folder / ".manifest").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def stage_flat(directory: Path, target: Path) -> None:
    """All modules, tests included, and all data below one root, for ``opa test``."""
    for path in sorted(directory.rglob("*.rego")):
        copy = target / path.relative_to(directory)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    for path in sorted(directory.glob("**/config.json")):
        copy = target / "config" / path.parent.name / "data.json"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
