"""The engine that was built without a Python language host runs Python programs with ours."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import language_pb2

from migrate.waiting import wait_until
from tests.support.language_host import (
    STAND_IN_EXEC,
    Engine,
    Host,
    engine,
    language_host,
    program_info,
    run_request,
)

SDK_EXEC = Path(
    os.environ.get("GOMODCACHE", Path.home() / "go" / "pkg" / "mod"),
    "github.com/pulumi/pulumi/sdk/v3@v3.259.0/python/cmd/pulumi-language-python-exec",
)


@pytest.fixture
def monitor() -> Iterator[Engine]:
    with engine() as mine:
        yield mine


@pytest.fixture
def host(monitor: Engine) -> Iterator[Host]:
    with language_host(monitor.address) as started:
        yield started


def _program(folder: Path, text: str) -> Path:
    (folder / "__main__.py").write_text(text)
    return folder


def _is_gone(pid: int, seconds: float = 20) -> bool:
    return wait_until(lambda: not Path(f"/proc/{pid}").exists(), deadline_seconds=seconds, pace_seconds=0.05)


def test_it_says_what_it_is(host: Host, tmp_path: Path) -> None:
    """Handshake, plugin and interpreter version answer what the engine asks first."""
    host.stub.Handshake(language_pb2.LanguageHandshakeRequest(engine_address="127.0.0.1:1"))
    about = host.stub.About(language_pb2.AboutRequest(info=program_info(tmp_path)))

    assert host.stub.GetPluginInfo(Empty()).version == "3.259.0"
    assert about.version == sys.version.split()[0]
    assert Path(about.executable).parent == Path(sys.prefix) / "bin"


def test_it_names_no_plugin_that_is_only_installed(monitor: Engine, tmp_path: Path) -> None:
    """A package with a pulumi-plugin.json is not fetched before a stack declares something of it."""
    for name in ("pulumi_sky", "pulumi_sky-1.2.3.dist-info"):
        (tmp_path / name).mkdir()
    (tmp_path / "pulumi_sky" / "pulumi-plugin.json").write_text('{"resource": true, "name": "sky"}')
    described = tmp_path / "pulumi_sky-1.2.3.dist-info"
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: pulumi-sky\nVersion: 1.2.3\n")
    (described / "RECORD").write_text("pulumi_sky/pulumi-plugin.json,,\n")

    with language_host(monitor.address, PYTHONPATH=str(tmp_path)) as host:
        request = language_pb2.GetRequiredPackagesRequest(info=program_info(tmp_path))
        packages = host.stub.GetRequiredPackages(request).packages

    assert list(packages) == []


@pytest.mark.parametrize("executor", [STAND_IN_EXEC, SDK_EXEC], ids=["stand-in", "SDK's own"])
def test_it_runs_a_program(monitor: Engine, tmp_path: Path, executor: Path) -> None:
    """A program runs against the monitor, knows its configuration, and is heard."""
    if not executor.exists():
        pytest.skip("the SDK's Go module is not on this machine; the double's stand-in was used instead")
    _program(
        tmp_path,
        "import pulumi\n"
        "config = pulumi.Config()\n"
        "print('hello from the program')\n"
        "pulumi.export('door', config.get('door'))\n"
        "pulumi.export('dry', pulumi.runtime.is_dry_run())\n"
        "pulumi.export('secret', pulumi.runtime.config.is_config_secret('p:password'))\n",
    )
    request = run_request(
        tmp_path,
        monitor.address,
        config={"p:door": "open", "p:password": "x"},
        configSecretKeys=["p:password"],
        dryRun=True,
    )

    with language_host(monitor.address, PULUMI_LANGUAGE_PYTHON_EXEC=str(executor)) as host:
        answer = host.stub.Run(request)

    assert (answer.error, answer.bail) == ("", False)
    assert monitor.registered == ["pulumi:pulumi:Stack"]
    assert monitor.outputs == {"door": "open", "dry": True, "secret": True}
    assert "hello from the program\n" in host.said


@pytest.mark.parametrize(
    ("text", "error", "bail", "logged"),
    [
        ("raise pulumi.RunError('no such tenant')", "exited with status 1", False, "no such tenant"),
        ("raise ValueError('broken')", "", True, "ValueError: broken"),
        ("import os; os._exit(3)", "exited with status 3", False, ""),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL", False, ""),
    ],
)
def test_a_failing_program_is_told(
    host: Host, monitor: Engine, tmp_path: Path, text: str, error: str, bail: bool, logged: str
) -> None:
    """The engine learns how a program ended, and whether a person has been told already."""
    answer = host.stub.Run(run_request(_program(tmp_path, f"import pulumi\n{text}\n"), monitor.address))

    assert error in answer.error
    assert bool(answer.error) == bool(error)
    assert answer.bail == bail
    assert logged in "\n".join(monitor.logged)


def test_a_cancelled_run_ends_the_program(host: Host, monitor: Engine, tmp_path: Path) -> None:
    """When the engine takes its call back, the program is gone and the host serves on."""
    call, pid = _hanging(host, monitor, tmp_path)

    call.cancel()

    assert _is_gone(pid)
    assert host.stub.GetPluginInfo(Empty()).version


def test_it_ends_with_the_engine(host: Host, monitor: Engine, tmp_path: Path) -> None:
    """A killed engine leaves neither host nor program behind: our standard input ends with it."""
    _, pid = _hanging(host, monitor, tmp_path)
    assert host.process.stdin is not None

    host.process.stdin.close()

    assert host.process.wait(20) == 0
    assert _is_gone(pid)


def test_the_project_chooses_its_environment(host: Host, tmp_path: Path) -> None:
    """The virtualenv option names the interpreter; it is made, and its requirements installed, when asked."""
    folder = _program(tmp_path, "")
    asked = language_pb2.InstallDependenciesRequest(directory=str(folder), info=program_info(folder))
    assert b"nothing to install" in b"".join(piece.stdout for piece in host.stub.InstallDependencies(asked))

    info = program_info(folder, virtualenv="venv")
    (folder / "requirements.txt").write_text("# nothing\n")
    list(host.stub.InstallDependencies(language_pb2.InstallDependenciesRequest(info=info)))
    about = host.stub.About(language_pb2.AboutRequest(info=info))

    assert about.executable == str(folder / "venv" / "bin" / "python")
    prefix = [about.executable, "-c", "import sys; print(sys.prefix)"]
    assert subprocess.check_output(prefix, text=True).strip() == str(folder / "venv")


def test_what_it_does_not_know_is_refused(host: Host, tmp_path: Path) -> None:
    """An option it cannot honour is an error with its name; code generation is unimplemented."""
    for option, value, named in (
        ("toolchain", "poetry", "toolchain 'poetry'"),
        ("typechecker", "mypy", "no type checker"),
        ("virtaulenv", "venv", "unknown runtime option virtaulenv"),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            host.stub.About(language_pb2.AboutRequest(info=program_info(tmp_path, **{option: value})))
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert named in str(refused.value.details())

    with pytest.raises(grpc.RpcError) as unknown:
        host.stub.GenerateProgram(language_pb2.GenerateProgramRequest())
    assert unknown.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_it_runs_plugins_and_policy_packs(host: Host, tmp_path: Path) -> None:
    """A plugin is a Python program with the engine's words; a policy pack is run by the SDK's module."""
    _program(tmp_path, "import os, sys\nprint(sys.argv[-1], os.environ['GIVEN'])\nsys.exit(7)\n")
    request = language_pb2.RunPluginRequest(
        pwd=str(tmp_path),
        info=program_info(tmp_path),
        args=["127.0.0.1:9"],
        env=["GIVEN=yes"],
        kind="resource",
    )
    *pieces, last = host.stub.RunPlugin(request)
    assert b"".join(piece.stdout for piece in pieces) == b"127.0.0.1:9 yes\n"
    assert last.exitcode == 7

    _program(tmp_path, "print('the pack runs')\n")
    request.kind = "analyzer"
    *pieces, last = host.stub.RunPlugin(request)
    assert b"the pack runs" in b"".join(piece.stdout for piece in pieces)
    assert last.exitcode == 0


def test_a_missing_executor_is_named(monitor: Engine, tmp_path: Path) -> None:
    """Without the SDK's executable the error says where it is expected."""
    missing = tmp_path / "nowhere"
    with language_host(monitor.address, PULUMI_LANGUAGE_PYTHON_EXEC=str(missing)) as host:
        answer = host.stub.Run(run_request(_program(tmp_path, ""), monitor.address))

    assert f"pulumi-language-python-exec is not at {missing}" in answer.error


def _hanging(
    host: Host, monitor: Engine, folder: Path
) -> tuple["grpc.Future[language_pb2.RunResponse]", int]:
    """Start a program that never ends; return its call and process."""
    note = f"open({str(folder / 'pid')!r}, 'w').write(f'{{os.getpid()}}\\n')"
    _program(folder, f"import os, time\n{note}\ntime.sleep(999)\n")
    call = host.stub.Run.future(run_request(folder, monitor.address))
    pid = folder / "pid"
    assert wait_until(lambda: pid.exists() and pid.read_text().endswith("\n"), deadline_seconds=30)
    return call, int(pid.read_text())
