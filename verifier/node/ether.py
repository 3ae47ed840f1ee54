"""web3 and its accounts, imported here and nowhere else.

They bring py_ecc, which lets the whole process recurse 100,000 deep: a JSON or CBOR that is nested so deep would then
end the process where it should be refused. That is undone here.
"""

import sys

_LIMIT = sys.getrecursionlimit()

from eth_account import Account  # noqa: E402
from eth_account.signers.local import LocalAccount  # noqa: E402
from eth_utils.exceptions import ValidationError  # noqa: E402
from hexbytes import HexBytes  # noqa: E402
from web3 import Web3  # noqa: E402
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3Exception, Web3RPCError  # noqa: E402
from web3.providers.base import JSONBaseProvider  # noqa: E402
from web3.types import BlockData, FilterParams, LogReceipt, RPCEndpoint, RPCResponse, TxParams  # noqa: E402

sys.setrecursionlimit(_LIMIT)

__all__ = [
    "Account", "BlockData", "ContractLogicError", "FilterParams", "HexBytes", "JSONBaseProvider", "LocalAccount",
    "LogReceipt", "RPCEndpoint", "RPCResponse", "TransactionNotFound", "TxParams", "ValidationError", "Web3",
    "Web3Exception", "Web3RPCError",
]  # fmt: skip
