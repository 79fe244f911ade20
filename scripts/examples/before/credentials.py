"""Anti-pattern, credentials by hand: the secret is a value like any other, for the next run to find.

Input: ``service``, a name; ``variable``, the environment variable that holds its secret (needed the first time);
``message``, the text to sign with it.
Run:   SHOP_KEY=s3cret fsstore run scripts/examples/before/credentials.py \
         --input '{"service": "shop", "variable": "SHOP_KEY", "message": "order 7"}'
Claims: later runs find the secret by the service's name.
Flaws: it is plain text in a file for everybody who may read the store, in every backup, and in the history for good,
also after the key is deleted.
"""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    service = input_dict["service"]
    if "variable" in input_dict:
        data_store.set(f"api_key:{service}", os.environ[input_dict["variable"]])
    secret = data_store.get(f"api_key:{service}")
    signature = hmac.new(secret.encode(), input_dict["message"].encode(), "sha256").hexdigest()
    return {"service": service, "signature": signature}
