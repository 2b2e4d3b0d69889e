"""The licence of a package, from the metadata of an installed environment or of a wheel."""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from email.message import Message
from email.parser import HeaderParser
from functools import cache
from io import BytesIO
from pathlib import Path

from license_expression import ExpressionError, Licensing, get_license_index, get_spdx_licensing

from dependencies.locks import normalized

UNKNOWN = "unknown"
NOT_INSTALLED = "not installed"

# Words of the field License that are no SPDX identifiers.
NAMES = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "asl 2": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "isc license": "ISC",
    "mit license": "MIT",
    "mit -or- apache license 2.0": "MIT OR Apache-2.0",
    "psf license": "PSF-2.0",
    "psfl": "PSF-2.0",
}
# Classifiers that name one licence. "BSD License" and "Apache Software License" leave the version open.
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "Artistic License": "Artistic-2.0",
    "BSD License": "BSD-3-Clause",
    "GNU General Public License (GPL)": "GPL-1.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL-2.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
# Sentences of licence texts, for packages that have only the text.
SENTENCES = {
    "Apache License Version 2.0": "Apache-2.0",
    "Licensed under the Apache License, Version 2.0": "Apache-2.0",
    "Permission is hereby granted, free of charge": "MIT",
    "Neither the name of": "BSD-3-Clause",
}

Found = Mapping[tuple[str, str], str]
"""SPDX expressions, or UNKNOWN, by name and version of the installed packages."""


def installed(environments: Path) -> dict[tuple[str, str], str]:
    """Return the licences of all packages that are installed in the environments below a folder."""
    licences: dict[tuple[str, str], str] = {}
    for path in sorted(environments.glob("*/lib/python*/site-packages/*.dist-info/METADATA")):
        fields = HeaderParser().parsestr(path.read_text(errors="replace"))
        key = (normalized(fields["Name"]), fields["Version"])
        if licences.get(key, UNKNOWN) == UNKNOWN:
            licences[key] = licence(fields, _texts(path.parent))
    return licences


def in_wheelhouse(tar: Path) -> dict[tuple[str, str], str]:
    """Return the licences of the wheels in a wheelhouse."""
    licences = {}
    with tarfile.open(tar) as opened:
        for entry in opened:
            if not entry.name.endswith(".whl") or (content := opened.extractfile(entry)) is None:
                continue
            with zipfile.ZipFile(BytesIO(content.read())) as wheel:
                (name,) = (name for name in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
                fields = HeaderParser().parsestr(wheel.read(name).decode(errors="replace"))
                texts = (
                    wheel.read(name).decode(errors="replace")
                    for name in wheel.namelist()
                    if re.search(r"\.dist-info/(licenses/)?(LICEN[CS]E|COPYING)[^/]*$", name)
                )
                licences[normalized(fields["Name"]), fields["Version"]] = licence(fields, texts)
    return licences


def licence(fields: Message, texts: Iterator[str]) -> str:
    """Return the SPDX expression of a package, or UNKNOWN.

    Parameters
    ----------
    fields : Message
        The metadata. The field License-Expression has priority, then the field License, then the classifiers.
    texts : iterator of str
        The texts of its licences, which are read only if no field has a licence.
    """
    for given in (fields["License-Expression"], fields["License"]):
        if found := _expression(str(given or "")):
            return found
    classifiers = [str(text).split(" :: ")[-1] for text in fields.get_all("Classifier", []) if "License ::" in text]
    named = sorted({CLASSIFIERS[name] for name in classifiers if name in CLASSIFIERS})
    if named:
        # Two classifiers may mean a choice, or both licences: AND is the stricter reading.
        return " AND ".join(named)
    for text in (str(fields["License"] or ""), *texts):
        flat = " ".join(text.split())
        for sentence, identifier in SENTENCES.items():
            if sentence in flat:
                return identifier
    return UNKNOWN


def categories(expression: str) -> set[str]:
    """Return the categories of the licences in an expression, such as Permissive, Copyleft Limited and Copyleft.

    They are those of the licence index of the package license-expression. A licence with an exception has the category
    of the exception.
    """
    if expression in (UNKNOWN, NOT_INSTALLED):
        return {expression}
    return {_category(str(key)) for key in _licensing().license_keys(_licensing().parse(expression))}


@cache
def _licensing() -> Licensing:
    return get_spdx_licensing()  # takes a tenth of a second


@cache
def _category_by_identifier() -> dict[str, str]:
    found = {}
    for entry in get_license_index():
        for identifier in (entry.get("spdx_license_key"), *(entry.get("other_spdx_license_keys") or [])):
            if identifier:
                found[identifier] = str(entry.get("category") or UNKNOWN)
    return found


def _category(identifier: str) -> str:
    return _category_by_identifier().get(identifier, UNKNOWN)


def _expression(text: str) -> str | None:
    """Return a valid SPDX expression, or None."""
    text = NAMES.get(text.strip().lower(), text.strip())
    if not text or len(text) > 200 or "\n" in text:
        return None
    try:
        return str(_licensing().parse(text, validate=True, strict=True))
    except ExpressionError:
        return None


def _texts(dist_info: Path) -> Iterator[str]:
    for pattern in ("LICEN[CS]E*", "COPYING*", "licenses/LICEN[CS]E*", "licenses/COPYING*"):
        for path in sorted(dist_info.glob(pattern)):
            if path.is_file():
                yield path.read_text(errors="replace")
