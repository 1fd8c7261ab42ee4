"""Pages elsewhere: those that the operator names may call, others may not."""

from __future__ import annotations

from typing import Any

import pytest

from antispoof.contract import API_HEADER

SHOP = "https://shop.example.com"


def preflight(service: Any, origin: str) -> Any:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    return service.client.options("/v1/sessions/ses_x/captures", headers=headers)


def test_nobody_elsewhere_may_call_without_the_setting(service: Any) -> None:
    assert "access-control-allow-origin" not in preflight(service, SHOP).headers
    answer = service.client.get("/healthz", headers={"Origin": SHOP})
    assert "access-control-allow-origin" not in answer.headers


def test_a_page_of_a_named_origin_captures(serve: Any, frames: dict[str, list[bytes]]) -> None:
    service = serve(origins=(SHOP,), page=True)
    allowed = preflight(service, SHOP)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == SHOP
    assert "access-control-allow-credentials" not in allowed.headers, "there are no cookies"
    for stranger in ("https://evil.example.com", SHOP + ".evil.example", "http://shop.example.com", "null"):
        assert "access-control-allow-origin" not in preflight(service, stranger).headers, stranger
    service.client.headers["Origin"] = SHOP
    session = service.open()
    captured = service.capture(session, 0, frames["attack"][0])
    assert (captured.status_code, captured.headers["access-control-allow-origin"]) == (201, SHOP)
    assert API_HEADER in captured.headers["access-control-expose-headers"]
    refused = service.client.get("/v1/models")
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, SHOP)
    assert service.client.post("/page/sessions", json={}).status_code == 403, "the page's part is its own"


@pytest.mark.parametrize("origin", ["*", "shop.example.com", "https://shop.example.com/", "https://a b"])
def test_what_is_no_origin_is_refused(run: Any, tmp_path: Any, origin: str) -> None:
    (tmp_path / "service.yaml").write_text(f"origins: ['{origin}']\n")
    code, _, err = run("serve", "--config", tmp_path / "service.yaml", "--state", tmp_path / "state")
    assert (code, "origins" in err) == (3, True)
