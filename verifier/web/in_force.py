"""What is in force of a product, as its maker signed it; and whether a conviction still is: what is shown outside a
verdict is checked all the same."""

from verifier.answers.convict import Convicted
from verifier.state.replay import Projected, product_record
from verifier.statements.envelope import read
from verifier.statements.errors import StatementError
from verifier.statements.kinds import body_of
from verifier.statements.product import Product
from verifier.statements.roster import in_doubt, signer
from verifier.store.projection import reader
from verifier.web.desk import Desk


def signed_product(desk: Desk, gtin: str) -> Product | None:
    """What the maker signed of this product, its signature and entitlement asked again; None if nothing holds, or if a
    thief may have signed it: its links are followed at once."""
    directory = reader(desk.client)
    record = product_record(directory, gtin)
    leaf = desk.gatherer.log.leaf(record.id) if record else None
    if leaf is None:
        return None
    try:
        statement = read(leaf[1])
        signer(statement, leaf[0], Projected(directory))
        body = body_of(statement)
    except StatementError:
        return None
    if in_doubt(statement.kid, leaf[0], Projected(directory)):
        return None
    return body if isinstance(body, Product) and body.gtin == gtin else None


def still_convicts(desk: Desk, convicted: Convicted) -> bool:
    """Whether a conviction holds by what our own ledger says of its key now: one that was reported stolen since, from
    before the answer on, convicts nobody any more."""
    directory = Projected(reader(desk.client))
    if not convicted.member or directory.key(convicted.kid) is None:  # the log itself; or a key of another tree of it
        return True
    return not in_doubt(convicted.kid, convicted.size - 1, directory)
