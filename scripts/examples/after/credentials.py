"""Credentials: the store keeps where a secret is, and never what it is.

Input: ``service``, a name; ``variable``, the environment variable that holds its secret (needed the first time);
``message``, the text to sign with it.
Run:   SHOP_KEY=s3cret fsstore run scripts/examples/after/credentials.py \
         --input '{"service": "shop", "variable": "SHOP_KEY", "message": "order 7"}'
Claims: the store learns where the secret is and never what it is: no file of the store contains it; later runs find
the variable by the service's name; a variable that is not set is an error that names it. A store that is
opened with ``credentials="refuse"`` lets no secret in by mistake.
"""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    service, references = input_dict["service"], data_store.use_namespace("secret-references")
    if "variable" in input_dict:
        references.set(service, {"environment_variable": input_dict["variable"]})
    secret = os.environ[references[service]["environment_variable"]]
    signature = hmac.new(secret.encode(), input_dict["message"].encode(), "sha256").hexdigest()
    return {"service": service, "signature": signature}
