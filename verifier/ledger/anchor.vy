#pragma version 0.4.3
#pragma evm-version paris
#pragma optimize gas
"""
@title  The sizes and roots of an append-only ledger, one row an account
@license Apache-2.0
@notice Nobody owns this contract, and nothing of it can be changed or removed. An account writes its own row alone, and
        only forward: a size that is not larger than its last is refused. Whoever reads chooses the accounts to believe,
        and how many of them must agree.
"""

event Anchored:
    account: indexed(address)
    size: uint64
    root: bytes32
    previous: uint64  # the block of this account's anchor before, 0 for none: its history is read without a search


struct Row:
    place: uint256  # size << 64 | the block that brought it: one slot
    root: bytes32


_rows: HashMap[address, Row]


@external
def anchor(size: uint64, root: bytes32):
    """
    @notice Say, for good, that the ledger had this root at this size.
    @param size Leaves (RFC 6962); more than the sender said last.
    @param root The Merkle tree hash over them.
    """
    place: uint256 = self._rows[msg.sender].place
    assert convert(size, uint256) > place >> 64, "size not larger"
    self._rows[msg.sender] = Row(place=(convert(size, uint256) << 64) | block.number, root=root)
    log Anchored(account=msg.sender, size=size, root=root, previous=convert(place & (2**64 - 1), uint64))


@external
@view
def anchored(account: address) -> (uint64, bytes32, uint64):
    """
    @notice What an account said last.
    @return Size, root and block; zeros if it said nothing.
    """
    row: Row = self._rows[account]
    return convert(row.place >> 64, uint64), row.root, convert(row.place & (2**64 - 1), uint64)
