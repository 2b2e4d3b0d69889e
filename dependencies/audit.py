"""Print the known vulnerabilities of all locked packages.

    python -m dependencies.audit [<environment>...] [--osv-url https://<mirror>/v1/query]

pip-audit asks the service of PyPI, or else OSV, or only the given mirror of OSV. If none has data, the command says so,
and prints the release date of each locked version with the newest version instead. The jars of the local Spark are not
audited.

Exit code: 0 if each package was audited and none has a vulnerability, apart from those of ACCEPTED; 1 if a package has
one; 2 if a package could not be audited.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dependencies import locks, release_dates, vulnerabilities
from dependencies.release_dates import IndexUnreachableError
from dependencies.vulnerabilities import NoDataError

ACCEPTED: dict[str, str] = {}
"""Vulnerabilities that stay in a lock file, and why: by the identifier of the service."""


def main() -> int:
    """Run the command line and return the exit code. See the docstring of the module."""
    parser = argparse.ArgumentParser(prog="python -m dependencies.audit")
    parser.add_argument("environment", nargs="*", help="names of requirements/; all by default")
    parser.add_argument("--osv-url", help="a mirror of OSV, which is then the only service")
    given = parser.parse_args()
    environments = given.environment or locks.environments()
    mirror = {"osv mirror": (*vulnerabilities.OSV, "--osv-url", given.osv_url)}
    services = mirror if given.osv_url else vulnerabilities.SERVICES
    try:
        paths = [locks.lock_file(environment) for environment in environments]
        for name, options in services.items():
            try:
                vulnerabilities.check(options)
                return _report(vulnerabilities.audit(paths, options), name)
            except NoDataError as error:
                print(f"audit: {name}: no data about vulnerabilities: {error}", file=sys.stderr)
        print("NOT AUDITED: no service has data about vulnerabilities here. Versions and release dates instead:\n")
        _print_versions(environments)
    except (locks.LockError, IndexUnreachableError) as error:
        print(f"audit: error: {error}", file=sys.stderr)
    return 2


def _report(answer: vulnerabilities.Answer, service: str) -> int:
    new = 0
    for found in answer.vulnerabilities:
        fixed = f"fixed in {', '.join(found.fixed_in)}" if found.fixed_in else "no fixed version"
        accepted = ACCEPTED.get(found.identifier)
        new += accepted is None
        print(
            f"{found.name} {found.version}: {found.identifier}, {fixed}{f'; accepted: {accepted}' if accepted else ''}"
        )
    for reason in answer.unknown:
        print(f"not audited: {reason}")
    print(f"{service}: {len(answer.vulnerabilities)} vulnerabilities, {new} of them not accepted; "
          f"{len(answer.unknown)} packages not audited")  # fmt: skip
    if new:
        return 1
    return 2 if answer.unknown else 0


def _print_versions(environments: Sequence[str]) -> None:
    lines = [f"{'package':<42} {'version':<16} {'released':<11} {'newest':<16} {'released':<11} environments"]
    users: dict[tuple[str, str], list[str]] = {}
    dates: dict[tuple[str, str], release_dates.Release] = {}
    for environment in environments:
        pins = locks.read(locks.lock_file(environment))
        python = "3.12" if environment in locks.PYTHON_3_12 else "3.11"
        for name, release in release_dates.releases((f"{pin.name}=={pin.version}" for pin in pins), python).items():
            users.setdefault((name, release.version), []).append(environment)
            dates[name, release.version] = release
    newest = release_dates.releases(sorted({name for name, _ in users}), "3.11")
    for (name, version), release in sorted(dates.items()):
        latest = newest[name]
        words = "the same" if latest.version == version else f"{latest.version:<16} {latest.day or 'unknown'}"
        lines.append(
            f"{name:<42} {version:<16} {release.day or 'unknown'!s:<11} {words:<28} {' '.join(users[name, version])}"
        )
    print("\n".join(lines))
    same = sum(newest[name].version == version for name, version in dates)
    print(f"{len(dates)} versions, {same} of them the newest; the oldest is of "
          f"{min(release.day for release in dates.values() if release.day)}")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
