"""What is in force of a product, as its maker signed it: what is shown outside a verdict is checked all the same."""

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
