"""What a workflow package is: `load_package` turns the exact signed bytes into a `Package`, or says why not."""

from atom.package.digests import canonical_json, json_digest, package_digest, parameters_digest
from atom.package.expressions import Expression, compile_expression, resolve
from atom.package.loader import load_package, wpk_schema
from atom.package.model import Document, Effect, Package, Step
from atom.package.packing import pack
from atom.package.parameters import validate_parameters

__all__ = [
    "Document",
    "Effect",
    "Expression",
    "Package",
    "Step",
    "canonical_json",
    "compile_expression",
    "json_digest",
    "load_package",
    "pack",
    "package_digest",
    "parameters_digest",
    "resolve",
    "validate_parameters",
    "wpk_schema",
]
