"""The plan of the house as tables: which floor each module stands on, and who may do what."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "chatapp"

# From the ground up: a module imports from its own folder and from those below. A single module is a floor of its own.
FLOORS = (
    *("__init__", "model", "system", "workers", "options", "settings", "store", "wire", "delivery"),
    *("html", "chat", "bench", "operate", "web", "api", "app", "cli", "__main__"),
)
HANDLERS = """
    web.account.login web.account.departure web.account.devices web.health web.account.password
    web.account.preferences web.rooms.pictures web.rooms.posting web.rooms.reading web.rooms.revising web.rooms.rooms
    web.socket web.assets.static
"""  # they never import each other
# Imports upwards that stood when the folders were made. The list may only become shorter.
UPWARDS: set[tuple[str, str]] = set()
# It types the keys under which the parts of the house are found: for the type checker it may name any of them.
TYPES_FROM_ABOVE = {"web.keys"}

# Who may import what from outside the standard library. A name ending in * stands for a package's modules.
LIBRARIES = {
    "aiohttp": "app bench.crowd cli web.* wire.*",
    "aiohttp_jinja2": "app web.pages",
    "aiohttp_session": "app web.*",
    "aiosqlite": "store.sqlite.*",
    "bcrypt": "workers.verifiers",
    "brotli": "web.assets.packing",
    "cryptography": "app operate.certificates workers.passwords store.sqlite.schema workers.verifiers web.sessions",
    "jinja2": "app html.*",
    "markupsafe": "html.*",
    "PIL": "workers.*",
    "segno": "operate.banner",
    "sqlite3": "store.sqlite.*",
    "time": "bench bench.* system.clock",  # a bench needs the finest clock there is, and nothing else of the server
    "uvloop": "cli",
    "yarl": "app web.*",  # the URLs of aiohttp
}
# Of the standard library only these stand in the table above.
GUARDED_STANDARD = {"sqlite3", "time"}

SQL_HERE = "store.sqlite.*"
# Everybody else works with any store that keeps the contract.
SQLITE_HERE = "store store.sqlite.* operate.*"
# What the operator's commands, which work on the file beside a server, may use of it.
SQLITE_FOR_COMMANDS = "store.sqlite.credentials store.sqlite.keyring store.sqlite.integrity store.sqlite.maintenance"
CLOCK_HERE = "system.clock"
NORMALIZATION_HERE = "model.normal"
ADDRESSES_HERE = "html.paths web.routes web.assets.*"  # the last of files, which are their own
ENVIRONMENT_HERE = "bench.server settings"  # a bench hides the operator's settings from its server

SQL = re.compile(
    r"\s*((SELECT|INSERT|REPLACE|UPDATE|DELETE|CREATE|ALTER|DROP|PRAGMA)\s+\S|(BEGIN|COMMIT|ROLLBACK|VACUUM)\b)"
)
ADDRESS = re.compile(r"/[a-z?]|#m-")
CLOCKS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "date.today",
    "datetime.date.today",
}
# They sort runs of combining marks in quadratic time; model.normal does not. urlsplit does it to the name of a host.
NORMALIZATION = {"unicodedata.normalize", "unicodedata.is_normalized"}
ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv"}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


@cache
def modules() -> dict[str, ast.Module]:
    return {module_name(path): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def named(module: str, table: str) -> bool:
    """Tell whether a row of names, some ending in *, covers a module."""
    return any(
        module.startswith(name.removesuffix("*")) if name.endswith("*") else module == name for name in table.split()
    )


def floor(module: str) -> int | None:
    """Return how high a module stands; None if it stands in no folder."""
    top = module.partition(".")[0]
    return FLOORS.index(top) if top in FLOORS else None


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Walk all but the branches that only a type checker enters."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and dotted(child.test).endswith("TYPE_CHECKING")):
            yield from running(child)


def imports(module: str) -> set[str]:
    """Return the names a module imports in full, wherever in it the import stands."""
    found: set[str] = set()
    package = ["chatapp", *module.split(".")]
    for node in running(modules()[module]) if module in TYPES_FROM_ABOVE else ast.walk(modules()[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # A package's __init__ is its own parent for relative imports; nothing in this house needs them.
            base = ".".join(package[: len(package) - node.level]) + "." if node.level else ""
            source = (base + (node.module or "")).strip(".")
            found |= {f"{source}.{alias.name}" for alias in node.names}
    return found


def own_imports(module: str) -> set[str]:
    """Return the modules of the package that a module imports."""
    found: set[str] = set()
    for name in imports(module):
        if name == "chatapp" or name.startswith("chatapp."):
            inner = name.removeprefix("chatapp").removeprefix(".")
            while inner and inner not in modules():
                inner = inner.rpartition(".")[0]
            found.add(inner or "__init__")
    return found - {module}


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def texts(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the texts of a module that are not docstrings."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node


@pytest.fixture(params=sorted(modules()))
def module(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_module_has_a_floor(module: str) -> None:
    assert floor(module) is not None, (
        f"chatapp.{module} stands in no folder. A new noun is welcome: "
        "put it in the lowest folder whose rules it keeps."
    )


def upward(module: str) -> set[tuple[str, str]]:
    mine = floor(module)
    found = {(other, floor(other)) for other in own_imports(module)}
    return {(module, other) for other, height in found if mine is not None and height is not None and height > mine}


def test_a_module_imports_only_from_its_own_folder_and_those_below(module: str) -> None:
    assert upward(module) <= UPWARDS


def test_handlers_never_import_each_other(module: str) -> None:
    if named(module, HANDLERS):
        assert not [other for other in own_imports(module) if named(other, HANDLERS)]


def test_an_import_upwards_that_was_mended_is_not_forgiven_again() -> None:
    assert {pair for module in modules() for pair in upward(module)} >= UPWARDS


def test_no_modules_import_each_other_in_a_circle(module: str) -> None:
    def search(path: list[str]) -> None:
        for other in own_imports(path[-1]):
            assert other != module, f"a circle of imports: {' -> '.join([*path, other])}"
            if other not in seen:
                seen.add(other)
                search([*path, other])

    seen: set[str] = set()
    search([module])


def test_a_library_is_imported_only_where_it_belongs(module: str) -> None:
    for name in imports(module):
        top = name.partition(".")[0]
        if top == "chatapp" or (top in sys.stdlib_module_names and top not in GUARDED_STANDARD):
            continue
        assert top in LIBRARIES, f"chatapp.{module} imports {top}: give the library its row in LIBRARIES."
        assert named(module, LIBRARIES[top]), f"{top} belongs in {LIBRARIES[top]} only, not in chatapp.{module}."


def test_sql_is_written_only_in_the_schema_and_the_store(module: str) -> None:
    found = [node.value for node in texts(modules()[module]) if SQL.match(str(node.value))]
    assert not found or named(module, SQL_HERE), f"chatapp.{module} holds SQL: {found}"


def test_only_the_store_and_the_commands_know_that_it_is_sqlite(module: str) -> None:
    found = {other for other in own_imports(module) if named(other, "store.sqlite.*")}
    assert not found or named(module, SQLITE_HERE), f"chatapp.{module} imports {found}; ask chatapp.store."
    if named(module, "operate.*"):
        assert all(named(other, SQLITE_FOR_COMMANDS) for other in found), f"chatapp.{module} imports {found}."


def test_the_contract_knows_no_database(module: str) -> None:
    if named(module, "store.contract store.contract.*"):
        assert {other for other in own_imports(module) if not named(other, "model.* store.contract.*")} == set()


def test_only_the_clock_reads_the_time(module: str) -> None:
    found = {dotted(node) for node in ast.walk(modules()[module])} & CLOCKS
    assert not found or named(module, CLOCK_HERE), f"chatapp.{module} uses {found}; ask chatapp.system.clock."


def test_unicode_is_normalized_in_one_place_where_it_is_cheap_for_any_text(module: str) -> None:
    used = {dotted(node) for node in ast.walk(modules()[module])} | imports(module)
    found = used & NORMALIZATION
    assert not found or named(module, NORMALIZATION_HERE), f"chatapp.{module} uses {found}; call chatapp.model.normal."


def test_addresses_are_built_in_one_place(module: str) -> None:
    found = [node.value for node in texts(modules()[module]) if ADDRESS.match(str(node.value))]
    serving = named(module, "web.* html.* chat.* app")
    assert not (serving and found) or named(module, ADDRESSES_HERE), f"chatapp.{module} builds {found}; ask html.paths."
    quoting = {"urllib.parse.quote", "urllib.parse.quote_plus"} & imports(module)
    assert not quoting or named(module, f"{ADDRESSES_HERE} web.rooms.pictures"), "html.paths quotes addresses."


def test_only_the_settings_read_the_environment(module: str) -> None:
    used = {dotted(node) for node in ast.walk(modules()[module])} | imports(module)
    found = used & ENVIRONMENT
    assert not found or named(module, ENVIRONMENT_HERE), f"chatapp.{module} uses {found}; add a setting."


def test_the_table_names_no_module_that_is_gone() -> None:
    rows = HANDLERS.split()
    gone = [name for name in rows if not any(named(module, name) for module in modules())]
    assert not gone, f"the table names modules that do not exist: {gone}"


def test_only_delivery_looks_into_the_backlog(module: str) -> None:
    height = floor(module)
    if height is not None and height > FLOORS.index("delivery"):
        used = {name for node in ast.walk(modules()[module]) for name in dotted(node).split(".")} | imports(module)
        assert not [name for name in used if "backlog" in name], "ask chat.standing what stands now"


def test_only_the_journal_gives_numbers(module: str) -> None:
    if not named(module, "delivery.* operate.*"):
        assert "chatapp.system.clock.Stamper" not in imports(module), "ask the journal for a number"


def test_only_presence_says_who_is_online(module: str) -> None:
    called = {
        node.func.attr
        for node in ast.walk(modules()[module])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert "users" not in called or module == "chat.presence", "ask chat.presence who is online"
