"""Live capture over a WebSocket; see docs/reference/service.md for the messages."""

from __future__ import annotations

import asyncio
import json
import random
import struct
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool

from antispoof.challenges import ChallengeResult, passive
from antispoof.challenges.answers import evidence_of
from antispoof.challenges.live import LiveCapture, challenges_for
from antispoof.errors import InputError, MediaError
from antispoof.sensing.cues import Measured
from antispoof.sensing.frames import REASONS
from antispoof.sensing.media import MediaLimits, load_image
from antispoof.sensing.modalities import takers
from antispoof.sensing.watch import Watch
from antispoof.service.core import Core
from antispoof.service.live_samples import LiveSamples
from antispoof.service.logs import log
from antispoof.service.problems import Problem, from_media_error
from antispoof.service.workers import Reservation

__all__ = ["CUES", "JUDGED_A_SECOND", "router", "see_picture"]

router = APIRouter(prefix="/v1/sessions")

WINDOW = 4  # samples that may wait for an answer
HELLO_WITHIN_S = 5.0
SILENCE_S = 10.0  # without a message from the client
HINT_EVERY_S = 0.5
TICK_S = 0.1
MAX_HEADER_BYTES = 1024
CUES = ("face_relief",)  # that so few pictures, each coded by itself, can carry
JUDGED_A_SECOND = 5.5
RATES = (8000, 192_000)


@dataclass(frozen=True, slots=True)
class _Message:
    """What a client has sent, and when it arrived."""

    at_s: float
    text: str | None
    content: bytes | None


@router.websocket("/{session_id}/stream")
async def stream(socket: WebSocket, session_id: str) -> None:
    """Lead a person through a live capture."""
    core: Core = socket.app.state.core
    await socket.accept()
    request_id = socket.state.request_id
    try:
        # Who says nothing takes nobody's slot.
        with core.greetings.of(socket.client.host if socket.client else ""):
            await _greet(core, socket, session_id)
        with core.watchers.reserve() as reservation:
            await _Stream(core, socket, session_id, reservation).run()
        await socket.close()
    except WebSocketDisconnect:
        log.info("stream_left", request_id=request_id, session=session_id)
    except Problem as problem:
        log.info("stream_refused", request_id=request_id, code=problem.code, detail=problem.detail)
        await _say(socket, **{**problem.document(request_id), "type": "error"})
        await socket.close(4000 + problem.status)


async def _say(socket: WebSocket, **message: Any) -> None:
    await socket.send_text(json.dumps(message))


async def _greet(core: Core, socket: WebSocket, session_id: str) -> None:
    """Wait for the client's hello, and see that it is of this session."""
    try:
        async with asyncio.timeout(HELLO_WITHIN_S):
            message = await socket.receive()
    except TimeoutError:
        raise Problem("bad_token", "no hello came") from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    hello = _object(message.get("text"))
    if hello.get("type") != "hello" or not isinstance(hello.get("token"), str):
        raise Problem("bad_token", "the first message has to be a hello with the token")
    if await run_in_threadpool(core.sessions.holder, hello["token"]) != session_id:
        raise Problem("bad_token", "the client token of this session is needed")


class _Stream:
    """One connection."""

    def __init__(self, core: Core, socket: WebSocket, session_id: str, reservation: Reservation) -> None:
        self._core = core
        self._socket = socket
        self._session_id = session_id
        self._reservation = reservation
        self._waiting: asyncio.Queue[_Message | None] = asyncio.Queue(WINDOW)
        self._hint: tuple[float, str | None] = (0.0, None)
        self._course = Watch(CUES, JUDGED_A_SECOND)

    async def run(self) -> None:
        """Speak the protocol, from what follows the client's greeting to the last step."""
        attempt, session = await run_in_threadpool(self._core.sessions.begin_stream, self._session_id)
        heard = bool(set(takers("sound")) & set(session["modalities"]))
        names = session["challenges"] or challenges_for(session["mode"], voice=heard)
        live = LiveCapture(names, random.SystemRandom())
        samples = LiveSamples(session["modalities"], self._core.settings)
        await _say(
            self._socket,
            type="ready",
            mode=session["mode"],
            modalities=session["modalities"],
            attempts_left=session["attempts_left"],
            steps=live.steps,
            window=WINDOW,
            min_frames=passive.MIN_FRAMES,
            max_bytes=self._core.settings.max_file_bytes,
        )
        reader = asyncio.create_task(self._read())
        try:
            await self._watch(live, samples)
        finally:
            reader.cancel()
        results = (*await self._reservation.run(live.results), *_rest_of(self._course))
        cues = list(await self._reservation.run(self._course.measured))
        cues += evidence_of(results)
        count = await run_in_threadpool(
            self._core.sessions.end_stream,
            self._session_id,
            attempt,
            samples.kept(),
            live.digests,
            [asdict(result) for result in results],
            [_as_json(found) for found in cues],
            live.in_one_run,
        )
        await _say(self._socket, type="captured", captures=count)

    async def _read(self) -> None:
        """Take in messages as they come, and no more than are dealt with."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                await self._waiting.put(None)
                return
            await self._waiting.put(_Message(time.monotonic(), message.get("text"), message.get("bytes")))

    async def _watch(self, live: LiveCapture, samples: LiveSamples) -> None:
        heard_s = time.monotonic()
        while not live.finished:
            try:
                async with asyncio.timeout(TICK_S):
                    message = await self._waiting.get()
            except TimeoutError:
                if time.monotonic() > heard_s + SILENCE_S:
                    raise Problem("invalid_request", "nothing came for too long", recoverable=True) from None
                message = _Message(time.monotonic(), None, None)
            else:
                heard_s = time.monotonic()
            if message is None:
                raise WebSocketDisconnect(1006)
            if message.content is not None:
                self._core.limits.capture(self._session_id)
                await self._sample(message.content, message.at_s, live, samples)
            elif message.text is not None and _object(message.text).get("type") == "end":
                return
            if await self._reservation.run(live.advance, message.at_s) and live.step is not None:
                await self._reveal(live)

    async def _reveal(self, live: LiveCapture) -> None:
        step = live.step
        assert step is not None
        await _say(
            self._socket,
            type="step",
            index=live.number - 1,
            of=live.steps,
            instruction=step.instruction,
            arguments=dict(step.arguments),
            duration_ms=round(1000 * step.duration_s),
        )

    async def _sample(self, content: bytes, at_s: float, live: LiveCapture, samples: LiveSamples) -> None:
        header, body = _split(content, self._core.settings.max_file_bytes)
        modality, seq = header.get("modality"), header.get("seq")
        if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq < 2**31:
            raise Problem("invalid_request", "seq: has to be a number from 0")
        try:
            if modality in takers("picture"):
                hint = await self._reservation.run(see_picture, live, samples, self._course, body, at_s)
                await self._give_hint(hint, at_s)
            elif modality in takers("sound"):
                await self._reservation.run(_hear, live, samples, body, header.get("rate"), at_s)
            else:
                known = ", ".join((*takers("picture"), *takers("sound")))
                raise Problem("invalid_request", f"modality: a stream takes {known}")
        except MediaError as error:
            problem = from_media_error(error, "the picture")
            await _say(self._socket, type="refused", modality=modality, seq=seq, code=problem.code)
            return
        await _say(self._socket, type="ack", modality=modality, seq=seq)

    async def _give_hint(self, hint: str | None, now_s: float) -> None:
        given_s, given = self._hint
        if hint != given and now_s >= given_s + HINT_EVERY_S:
            self._hint = (now_s, hint)
            await _say(self._socket, type="hint", code=hint)


def see_picture(
    live: LiveCapture, samples: LiveSamples, course: Watch, content: bytes, at_s: float
) -> str | None:
    """Deal with one picture of a stream: decode it, look at it, keep it or let it go; return the hint."""
    most = samples.max_pixels  # of the file as well: what comes many times a second is not scaled down here
    limits = MediaLimits(max_bytes=len(content) or 1, max_pixels=most, max_source_pixels=most)
    image = load_image(content, limits)
    seen = live.see(image, at_s, content)
    if seen.judge:
        samples.see(content)
    if (
        live.step is not None and live.step.instruction != "light"
    ):  # whose colours are no property of the face
        course.see(at_s, image)
    hint: str | None = seen.hint
    return hint


def _rest_of(course: Watch) -> tuple[ChallengeResult, ...]:
    """Tell that the face was a still picture or a piece that was played again, as of a file; else nothing."""
    reasons, rest = course.reasons, course.rest
    if not reasons:
        return ()
    measurements = {"followed_s": rest.followed_s, "moved": rest.moved, "left": rest.left}
    advice = tuple(REASONS[code] for code in reasons)
    return (ChallengeResult("course", "failed", measurements, reasons, advice),)


def _as_json(found: Measured) -> dict[str, Any]:
    features = None if found.features is None else found.features.tolist()
    return {"name": found.name, "features": features, "reasons": list(found.reasons)}


def _hear(live: LiveCapture, samples: LiveSamples, content: bytes, rate: object, at_s: float) -> None:
    if not isinstance(rate, int) or not RATES[0] <= rate <= RATES[1] or len(content) % 2 or not content:
        raise Problem("invalid_request", f"sound is 16-bit PCM, mono, little-endian, rate {RATES[0]} or more")
    pcm = np.frombuffer(content, "<i2")
    try:
        live.hear((pcm / 32768).astype(np.float32), rate, at_s)
    except InputError as error:
        raise Problem("invalid_request", str(error)) from None
    samples.hear(pcm, rate)


def _split(content: bytes, limit: int) -> tuple[Mapping[str, Any], bytes]:
    if len(content) < 4:
        raise Problem("invalid_request", "a sample begins with the length of its header")
    (length,) = struct.unpack_from(">I", content)
    if length > min(MAX_HEADER_BYTES, len(content) - 4):
        raise Problem("invalid_request", f"a header may have {MAX_HEADER_BYTES} bytes")
    if len(content) - 4 - length > limit:
        raise Problem("payload_too_large", f"a sample may have {limit} bytes")
    return _object(content[4 : 4 + length]), content[4 + length :]


def _object(text: str | bytes | None) -> Mapping[str, Any]:
    try:
        document = json.loads(text or "")
        json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate is no text
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Problem("invalid_request", "a message is a JSON object")
    return document
