"""CAMERA. Bytes of a photo go in; symbols, and the one Identity they say, come out.

    photo      bytes -> grey pixels, within limits
    enhance    grey -> grey, and the table of looks
    decode     grey -> symbols
    sighting   symbols -> Identity, or why not
    check      photo + evidence file + trust -> Verdict, offline
    __main__   python -m scanner

Nothing here opens a link that it read, and nothing but the composers imports this package.
"""
