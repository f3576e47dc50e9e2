"""What import-linter cannot say: cycles between modules, the view of a handler, and who needs
`shared`."""

from functools import cache

import grimp

from tests.support.source_files import PACKAGES

HANDLERS = "worker_service.handlers"
HANDLER_API = "worker_service.handler_api"

SHARED_BY_ONE_ONLY: dict[str, str] = {}
"""Modules of `shared` that one package uses alone, each with the reason why it stands there."""


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def test_no_module_imports_itself_over_others() -> None:
    graph = _graph()
    cyclic = [
        module
        for module in graph.modules
        if any(
            graph.chain_exists(importer=imported, imported=module)
            for imported in graph.find_modules_directly_imported_by(module)
        )
    ]
    assert cyclic == []


def test_handlers_see_handler_api_only() -> None:
    graph = _graph()
    seen = {
        (module, imported)
        for module in graph.find_descendants(HANDLERS)
        for imported in graph.find_modules_directly_imported_by(module)
        if imported != HANDLER_API and _of_handler(imported) != _of_handler(module)
    }
    assert seen == set()


def test_a_module_of_shared_is_used_by_more_than_one_package() -> None:
    lonely = {}
    for module in sorted(_graph().find_descendants("shared")):
        users = _packages_that_need(module)
        if len(users) < 2 and not _graph().find_children(module):
            lonely[module] = users
    unexplained = {name: users for name, users in lonely.items() if name not in SHARED_BY_ONE_ONLY}
    assert unexplained == {}
    assert sorted(name for name in SHARED_BY_ONE_ONLY if name not in lonely) == []


def _of_handler(module: str) -> str:
    """The file or folder of a job type that a module belongs to; the module itself outside of them."""
    below = module.removeprefix(f"{HANDLERS}.")
    return module if below == module else below.split(".")[0]


def _packages_that_need(module: str) -> set[str]:
    """The packages outside `shared` that import it, directly or over other modules of `shared`."""
    return {
        importer.split(".")[0]
        for importer in _graph().find_downstream_modules(module)
        if not importer.startswith("shared.")
    }
