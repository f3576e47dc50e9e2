"""Find the job types: those shipped, those in directories of the settings, those of installed
packages.

Each module-level `JobType` counts. Two of one name are a mistake that stops the start.
"""

import hashlib
import importlib
import importlib.util
import os
import pkgutil
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from worker_service import handlers
from worker_service.handler_api import JobType

ENTRY_POINT_GROUP = "punctual.job_types"


class DiscoveryProblem(Exception):
    """The job types cannot be used; the text names the places."""


class _Found:
    """Job types by name, with the place that each came from."""

    def __init__(self) -> None:
        self.types: dict[str, JobType] = {}
        self._places: dict[str, str] = {}

    def add(self, job_type: JobType, place: str) -> None:
        known = self.types.get(job_type.name)
        if known is job_type:
            return
        if known is not None:
            raise DiscoveryProblem(
                f"job type {job_type.name} is declared twice: "
                f"in {self._places[job_type.name]} and in {place}"
            )
        self.types[job_type.name] = job_type
        self._places[job_type.name] = place

    def add_module(self, module: ModuleType, place: str) -> None:
        for value in vars(module).values():
            if isinstance(value, JobType):
                self.add(value, place)


def directories(setting: str) -> list[Path]:
    """The directories that `PUNCTUAL_WORKER__HANDLERS` names, parted by comma or the system's
    separator.
    """
    parts = re.split("[," + re.escape(os.pathsep) + "]", setting)
    return [Path(part.strip()) for part in parts if part.strip()]


def discover(handler_directories: Iterable[Path] = ()) -> Mapping[str, JobType]:
    """All job types by name.

    Raises:
        DiscoveryProblem: a name is declared twice, a directory is missing, or a file cannot be
        loaded.
    """
    found = _Found()
    for info in pkgutil.iter_modules(handlers.__path__):
        name = f"{handlers.__name__}.{info.name}"
        try:
            module = importlib.import_module(name)
        except Exception as error:
            raise DiscoveryProblem(f"{name}: {type(error).__name__}: {error}") from error
        found.add_module(module, name)
    for directory in handler_directories:
        if not directory.is_dir():
            raise DiscoveryProblem(f"{directory} of PUNCTUAL_WORKER__HANDLERS is no directory")
        for path in sorted(directory.glob("*.py")):
            if path.name != "__init__.py":
                found.add_module(_load(path.resolve()), str(path.resolve()))
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda p: p.name):
        _add_entry_point(found, point.name, point.value, point.load)
    return dict(sorted(found.types.items()))


def _load(path: Path) -> ModuleType:
    """A file as a module of a private name, so that it shadows nothing and nothing shadows it."""
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    name = f"_punctual_handlers_{digest}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DiscoveryProblem(f"{path} cannot be loaded as a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise DiscoveryProblem(f"{path}: {type(error).__name__}: {error}") from error
    return module


def _add_entry_point(found: _Found, name: str, value: str, load: object) -> None:
    """An entry point names a `JobType` or a module that holds some."""
    place = f"entry point {name} = {value}"
    try:
        loaded = load() if callable(load) else None
    except Exception as error:
        raise DiscoveryProblem(f"{place}: {type(error).__name__}: {error}") from error
    if isinstance(loaded, JobType):
        found.add(loaded, place)
    elif isinstance(loaded, ModuleType):
        found.add_module(loaded, place)
    else:
        raise DiscoveryProblem(f"{place} is neither a job type nor a module")
