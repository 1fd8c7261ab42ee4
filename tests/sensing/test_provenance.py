"""C2PA manifests that were signed here, and marks of containers."""

from __future__ import annotations

import datetime
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from numpy.typing import NDArray

from antispoof.errors import InputError, MediaError
from antispoof.sensing.provenance import HINTS, REASONS, container_hints, read_provenance

Run = Callable[..., tuple[int, str, str]]
PEM = serialization.Encoding.PEM
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def certificate(
    name: str, issuer: x509.Certificate | None, key: Any, signing_key: Any, root: bool
) -> x509.Certificate:
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Toy")]
    )
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + 30 * day)
        .add_extension(x509.BasicConstraints(root, None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=root, crl_sign=root,
                encipher_only=False, decipher_only=False, **usage,
            ),
            critical=True,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )  # fmt: skip
    if not root:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, critical=False)
    return builder.sign(signing_key, hashes.SHA256())


@pytest.fixture(scope="module")
def authority() -> tuple[Any, str]:
    """A signer whose certificate an authority issued, and the certificate of that."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    root = certificate("Root", None, keys[0], keys[0], root=True)
    leaf = certificate("Camera 7", root, keys[1], keys[0], root=False)
    anchor = root.public_bytes(PEM).decode()
    private = keys[1].private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = leaf.public_bytes(PEM) + anchor.encode()
    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, private, None)), anchor


def signed(signer: Any, picture: bytes, *actions: dict[str, str]) -> bytes:
    manifest = {
        "claim_generator_info": [{"name": "toy", "version": "1"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": list(actions)}}],
    }
    out = io.BytesIO()
    c2pa.Builder(json.dumps(manifest)).sign(signer, "image/jpeg", io.BytesIO(picture), out)
    return out.getvalue()


def test_a_manifest_is_trusted_whole_or_broken(
    authority: tuple[Any, str], blank: NDArray[np.uint8], encode: Any, tmp_path: Path, run: Run
) -> None:
    signer, anchor = authority
    picture = encode(blank, "JPEG")
    taken = {"action": "c2pa.created", "digitalSourceType": f"{SOURCE}digitalCapture"}
    whole = signed(signer, picture, taken)
    found = read_provenance(whole)
    assert found is not None
    assert (found.state, found.reasons) == ("intact", ("c2pa_intact", "c2pa_captured"))
    assert found.signer == "Camera 7"
    assert found.generator.startswith("toy 1")
    vouched = read_provenance(whole, anchor)
    assert vouched is not None
    assert vouched.state == "trusted"
    changed = bytearray(whole)
    changed[-40] ^= 1
    broken = read_provenance(bytes(changed), anchor)
    assert broken is not None
    assert broken.reasons[0] == "c2pa_broken"
    assert read_provenance(picture, anchor) is None
    assert set(found.reasons + broken.reasons) <= REASONS.keys()
    with pytest.raises(InputError, match="the anchors are no certificates"):
        read_provenance(whole, "-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----")

    (tmp_path / "a.jpg").write_bytes(whole)
    (tmp_path / "b.jpg").write_bytes(picture)
    (tmp_path / "root.pem").write_text(anchor)
    code, printed, _ = run("provenance", tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert code == 0
    assert "intact, signed by Camera 7" in printed
    assert "no C2PA manifest, which says nothing" in printed
    (tmp_path / "c.jpg").write_bytes(bytes(range(256)) * 40)
    code, printed, errors = run("provenance", tmp_path / "c.jpg", tmp_path / "a.jpg")
    assert (code, "is neither a picture nor a film" in errors) == (3, True)
    assert "intact, signed by Camera 7" in printed, "one that cannot be read keeps no other from being told"
    _, printed, _ = run("check", tmp_path / "a.jpg")
    assert "signed by Camera 7" in printed
    assert "C2PA" not in run("check", tmp_path / "b.jpg")[1]
    page = tmp_path / "page.html"
    _, printed, _ = run("check", tmp_path / "a.jpg", tmp_path / "b.jpg", "--json", "--report", page)
    with_one, without = json.loads(printed)["results"]
    (told,) = with_one["provenance"]
    assert (told["state"], told["signer"]) == ("intact", "Camera 7")
    assert {one["code"]: one["meaning"] for one in told["reasons"]} == {
        code: REASONS[code] for code in found.reasons
    }
    assert without["provenance"] == []
    assert page.read_text(encoding="utf-8").count("signed by Camera 7") == 1
    code, printed, errors = run(
        "provenance", tmp_path / "a.jpg", "--anchors", tmp_path / "root.pem", "--json"
    )
    assert code == 0, errors
    assert json.loads(printed)["files"][0]["c2pa"]["state"] == "trusted"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (
            {"action": "c2pa.created", "digitalSourceType": f"{SOURCE}trainedAlgorithmicMedia"},
            "c2pa_generated",
        ),
        ({"action": "c2pa.edited"}, "c2pa_edited"),
    ],
)
def test_a_manifest_tells_how_a_picture_was_made(
    action: dict[str, str], code: str, authority: tuple[Any, str], blank: NDArray[np.uint8], encode: Any
) -> None:
    made = {"action": "c2pa.created", "digitalSourceType": f"{SOURCE}digitalCapture"}
    actions = (action,) if action["action"] == "c2pa.created" else (made, action)
    found = read_provenance(signed(authority[0], encode(blank, "JPEG"), *actions))
    assert found is not None
    assert code in found.reasons


def film(path: Path, tags: dict[str, str]) -> Path:
    kind = {".mov": "mov", ".mp4": "mp4", ".webm": "webm"}[path.suffix]
    options = {} if kind == "webm" else {"movflags": "use_metadata_tags"}
    with av.open(str(path), "w", format=kind, options=options) as out:
        stream = out.add_stream("libvpx" if kind == "webm" else "libx264", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        out.metadata.update(tags)
        for _ in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")))
        out.mux(stream.encode(None))
    return path


def test_a_container_that_contradicts_itself_is_a_hint(tmp_path: Path, encode: Any) -> None:
    plain = container_hints(film(tmp_path / "a.mp4", {}))
    assert plain == ("written_by_program",)
    phone = film(tmp_path / "b.mp4", {"com.apple.quicktime.make": "Apple"})
    assert set(container_hints(phone)) == {"written_by_program", "maker_contradicted"}
    assert set(plain) <= HINTS.keys()
    # The mark of the library, overwritten by that of a browser's recorder, whose name is as long.
    data = film(tmp_path / "c.webm", {}).read_bytes()
    start = data.index(b"Lavf")
    length = data[start - 1] & 0x7F
    recorded = data.replace(data[start : start + length], b"Chrome".ljust(length))
    (tmp_path / "c.webm").write_bytes(recorded.replace(b"Lavc", b"Cast"))
    assert container_hints(tmp_path / "c.webm") == ()
    (tmp_path / "d.jpg").write_bytes(encode(np.zeros((8, 8, 3), np.uint8), "JPEG"))
    assert container_hints(tmp_path / "d.jpg") == ()
    (tmp_path / "e.mp4").write_bytes((tmp_path / "a.mp4").read_bytes()[:60])
    with pytest.raises(MediaError, match=r"e\.mp4 cannot be opened"):
        container_hints(tmp_path / "e.mp4")
