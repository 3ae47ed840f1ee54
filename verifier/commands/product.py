"""`product`: register what a product is called, its form, its leaflet and its picture; said again, it replaces."""

import tempfile
from hashlib import sha256
from pathlib import Path

import click
import cv2
import numpy as np

from scanner import photo
from verifier.commands.client import Client, ServerError
from verifier.commands.issuing import now
from verifier.node import keyfile
from verifier.node.keyfile import KeyFile, KeyFileError
from verifier.settings import Settings
from verifier.statements.envelope import sign
from verifier.statements.product import MOST_IMAGE_BYTES, Picture, Product

LONGEST_SIDE = 1200  # pixels: the picture of a box on a phone
QUALITIES = (85, 70, 50)


@click.command(short_help="Register a product.")
@click.option("--gtin", required=True, help="14 digits, under the maker's own prefix.")
@click.option("--name", required=True, help="What people call it, in up to 120 characters.")
@click.option("--form", help="Its pharmaceutical form: tablets, syrup ...")
@click.option("--leaflet", help="Where its leaflet is, an https link.")
@click.option(
    "--image", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A JPEG, PNG or WebP of the pack."
)
@click.option("--as", "key_path", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Your key file.")
@click.option("--server", help="Where to register; this machine's server by default.")
@click.pass_obj
def command(
    settings: Settings, gtin: str, name: str, form: str | None, leaflet: str | None, image: Path | None,
    key_path: Path, server: str | None,
) -> None:  # fmt: skip
    """Register a product: shown beside every verdict about it, from the next scan on."""
    fields = {"gtin": gtin, "name": name, "form": form, "leaflet": leaflet}
    try:
        key = keyfile.load(key_path)
        body = Product.of({field: value for field, value in fields.items() if value is not None})
        data = portrait(image.read_bytes()) if image is not None else None
        with Client(server or settings.base_url) as client:
            leaf = register(client, key, body, data, now())
    except (ServerError, KeyFileError, ValueError, OSError) as fault:
        raise click.ClickException(str(fault)) from None
    told = f" with a picture of {len(data)} bytes" if data is not None else ""
    click.echo(f"product {gtin}: {name}{told}, leaf {leaf['index']}")


def register(
    client: Client, key: KeyFile, body: Product, data: bytes | None, moment: int
) -> dict[str, object]:
    """Deposit the picture (WebP bytes), if there is one, and register the product as said at `moment` (Unix seconds);
    what the door says of its leaf. Raises ServerError."""
    if data is not None:
        digest = sha256(data)
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "picture"
            file.write_bytes(data)
            client.put_deposit(file, digest.hexdigest(), key, lambda _: None)
        named = Picture(sha256=digest.digest(), media_type="image/webp", size=len(data))
        body = Product(gtin=body.gtin, name=body.name, form=body.form, leaflet=body.leaflet, image=named)
    return client.register(sign("product", key.member, body.subject(), moment, body.encode(), key.seed).raw)


def portrait(data: bytes) -> bytes:
    """A photo drawn anew as WebP, upright and small enough: its pixels alone, so that nothing else a camera or a forger
    put into the file is published. Raises PhotoError for what is no photo, ValueError for one that stays too large."""
    photo.read_photo(data)  # every limit that a stranger's photo must keep
    header = photo.read_header(data)
    mode = cv2.IMREAD_UNCHANGED if header.alpha else cv2.IMREAD_COLOR
    pixels = cv2.imdecode(np.frombuffer(header.picture or data, np.uint8), mode)
    assert pixels is not None  # noqa: S101 - read above, by the same decoder
    if pixels.dtype != np.uint8:
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / 256)  # 16 bits a channel, which WebP has not
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        pixels = cv2.merge([pixels[..., 0], pixels[..., 0], pixels[..., 0], pixels[..., 1]])
    scale = min(1.0, LONGEST_SIDE / max(pixels.shape[:2]))
    if scale < 1:
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    for quality in QUALITIES:
        written, found = cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])
        if written and found.size <= MOST_IMAGE_BYTES:
            return found.tobytes()
    raise ValueError(f"--image: expected at most {MOST_IMAGE_BYTES} bytes once drawn anew, found more")
