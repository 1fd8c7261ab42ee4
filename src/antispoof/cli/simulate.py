"""`antispoof simulate`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antispoof.cli.app import app, progress_bar, text_table
from antispoof.cli.output import shown
from antispoof.errors import InputError

if TYPE_CHECKING:
    from antispoof.networks.vocoders.copier import VocoderCopier

simulate_app = typer.Typer(no_args_is_help=True, help="Make presentations where none can be had.")
app.add_typer(simulate_app, name="simulate")


@simulate_app.command("clip")
def simulate_clips(
    portraits: Annotated[Path, typer.Argument(help="Folder, one portrait a person.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="An empty or new folder.", show_default=False)],
    licence: Annotated[str, typer.Option(help="Terms of the portraits.", show_default=False)],
    suite: Annotated[str, typer.Option(help="What may teach, or what is held out.")] = "taught",
    subjects: Annotated[int, typer.Option(help="How many people.")] = 6,
    takes: Annotated[int, typer.Option(help="Pairs of a bona fide clip and an attack a person.")] = 1,
    seconds: Annotated[float, typer.Option(help="Length of a clip.")] = 2.0,
    instrument: Annotated[list[str] | None, typer.Option(help="Only these kinds of attack.")] = None,
    liveliness: Annotated[float, typer.Option(help="Factor on how people move by themselves.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same collection.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Processes; 0 means one a core.", min=0)] = 0,
) -> None:
    """Film moving heads, and prints, screens and masks as an attacker moves them, with several codecs."""
    from antispoof.simulation.clip.collection import plan_clips, write_clips

    specs = plan_clips(seed, subjects, takes, suite, seconds, instrument or (), liveliness)
    start = time.perf_counter()
    with progress_bar("filming", len(specs)) as step:
        clips = write_clips(specs, portraits, out, licence=licence, workers=workers or None, progress=step)
    for why in clips.skipped:
        typer.echo(f"left out {why}", err=True)
    took = time.perf_counter() - start
    typer.echo(
        f"{len(clips.presentations)} SIMULATED clips of {seconds:g} s in {took:.0f} s; manifest: "
        f"{clips.manifest}"
    )


@simulate_app.command("face")
def simulate_face_captures(
    portraits: Annotated[Path, typer.Argument(help="Folder, one portrait a person.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="An empty or new folder.", show_default=False)],
    licence: Annotated[str, typer.Option(help="Terms of the portraits.", show_default=False)],
    variants: Annotated[int, typer.Option(help="Captures of each kind a person.", min=1)] = 2,
    instrument: Annotated[list[str] | None, typer.Option(help="Only these kinds of attack.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same collection.", min=0)] = 0,
) -> None:
    """Make bona fide captures, replays and prints of portraits, as a webcam or phone would see them."""
    from antispoof.simulation.face.collection import read_portraits, write_faces

    people = read_portraits(portraits, lambda why: typer.echo(f"left out {why}", err=True))
    with progress_bar("simulating", len(people)) as step:
        manifest = write_faces(
            people,
            out,
            licence=licence,
            variants=variants,
            instruments=instrument or (),
            seed=seed,
            progress=step,
        )
    typer.echo(f"SIMULATED captures of {len(people)} people; manifest: {manifest}")
    typer.echo(f"next: antispoof data summary {manifest} --sheet sheet.png")


@simulate_app.command("manipulated")
def simulate_manipulated(
    portraits: Annotated[Path, typer.Argument(help="Folder, one portrait a person.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="An empty or new folder.", show_default=False)],
    licence: Annotated[str, typer.Option(help="Terms of the portraits.", show_default=False)],
    variants: Annotated[int, typer.Option(help="Pictures a person, each forged in every way.", min=1)] = 2,
    kind: Annotated[list[str] | None, typer.Option(help="Only these forgeries.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same collection.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 1,
) -> None:
    """Make self-blended, swapped and morphed faces beside bona fide ones, with masks."""
    from antispoof.simulation.face.collection import read_portraits
    from antispoof.simulation.face.manipulation.collection import write_manipulated

    people = read_portraits(portraits, lambda why: typer.echo(f"left out {why}", err=True))
    with progress_bar("forging", len(people)) as step:
        manifest = write_manipulated(
            people,
            out,
            licence=licence,
            variants=variants,
            kinds=kind or (),
            seed=seed,
            workers=workers,
            progress=step,
        )
    typer.echo(f"SIMULATED forgeries of {len(people)} people; manifest: {manifest}")
    typer.echo(f"next: antispoof data summary {manifest} --sheet sheet.png")


@simulate_app.command("fingerprint")
def simulate_fingerprints(
    out: Annotated[Path, typer.Argument(help="An empty or new folder.", show_default=False)],
    subjects: Annotated[int, typer.Option(help="How many fingers, one a person.")] = 40,
    bona_fide: Annotated[int, typer.Option(help="Bona fide presentations a finger.")] = 9,
    attacks: Annotated[int, typer.Option(help="Presentations of copies of it; kinds take turns.")] = 9,
    instrument: Annotated[list[str] | None, typer.Option(help="Only these kinds of attack.")] = None,
    sensor: Annotated[list[str] | None, typer.Option(help="Only these sensors.")] = None,
    unseen_sensor: Annotated[
        list[str] | None, typer.Option(help="Sensors of dev and test alone, which have no others.")
    ] = None,
    dataset: Annotated[str, typer.Option(help="Name in the manifest.")] = "simulated_fingerprint",
    seed: Annotated[int, typer.Option(help="The same seed makes the same collection.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Processes; 0 means one a core.", min=0)] = 0,
) -> None:
    """Grow fingers, copy them in gelatine, silicone and more, and press both on sensors of six kinds."""
    from antispoof.simulation.fingerprint.collection import plan_prints, write_prints

    specs = plan_prints(
        seed, subjects, bona_fide, attacks, instrument or (), sensor or (), unseen_sensor or ()
    )
    start = time.perf_counter()
    with progress_bar("pressing", len(specs)) as step:
        manifest = write_prints(specs, out, dataset=dataset, workers=workers or None, progress=step)
    rate = len(specs) / (time.perf_counter() - start)
    typer.echo(f"{len(specs)} SIMULATED presentations, {rate:.0f} a second; manifest: {manifest}")
    typer.echo(f"next: antispoof data summary {manifest} --sheet sheet.png")


@simulate_app.command("scene")
def simulate_scene(
    out: Annotated[Path, typer.Argument(help="An empty or new folder.", show_default=False)],
    subjects: Annotated[int, typer.Option(help="How many people.")] = 40,
    bona_fide: Annotated[int, typer.Option(help="Bona fide presentations a person.")] = 13,
    attacks: Annotated[int, typer.Option(help="Attack presentations a person; kinds take turns.")] = 13,
    instrument: Annotated[list[str] | None, typer.Option(help="Only these kinds of attack.")] = None,
    suite: Annotated[list[str] | None, typer.Option(help="Only these sensor suites.")] = None,
    lighting: Annotated[list[str] | None, typer.Option(help="Only these lighting conditions.")] = None,
    size: Annotated[int, typer.Option(help="Pixels across and down.")] = 128,
    seed: Annotated[int, typer.Option(help="The same seed makes the same collection.", min=0)] = 0,
    portraits: Annotated[Path | None, typer.Option(help="Folder of frontal portraits as texture.")] = None,
    portrait_licence: Annotated[str, typer.Option(help="Terms of the portraits.")] = "",
    workers: Annotated[int, typer.Option(help="Processes; 0 means one a core.", min=0)] = 0,
) -> None:
    """Render people and attack instruments for colour, depth, near-infrared and thermal cameras."""

    from antispoof.simulation.scene.collection import plan_scenes, read_portraits, write_scenes

    specs = plan_scenes(seed, subjects, bona_fide, attacks, instrument or (), suite or (), lighting or ())
    faces = read_portraits(portraits, portrait_licence) if portraits else None
    for path in faces.skipped if faces else ():
        typer.echo(f"no face found in {shown(path)}: left out", err=True)
    start = time.perf_counter()
    with progress_bar("rendering", len(specs)) as step:
        manifest = write_scenes(
            specs, out, size=size, portraits=faces, workers=workers or None, progress=step
        )
    rate = len(specs) / (time.perf_counter() - start)
    typer.echo(f"{len(specs)} SIMULATED presentations, {rate:.0f} a second; manifest: {manifest}")
    typer.echo(f"next: antispoof data summary {manifest} --sheet sheet.png")


@simulate_app.command("inject")
def simulate_injected_streams(
    manifest: Annotated[Path, typer.Argument(help="Manifest with bona fide clips.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="An empty or new folder.", show_default=False)],
    portraits: Annotated[Path, typer.Option(help="Folder of faces to put over.", show_default=False)],
    suite: Annotated[
        str, typer.Option(help="Codecs and methods that may teach, or are held out.")
    ] = "taught",
    kind: Annotated[list[str] | None, typer.Option(help="Only these kinds.")] = None,
    each: Annotated[int, typer.Option(help="Streams made of each clip.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="The same seed makes the same streams.", min=0)] = 0,
) -> None:
    """Make of bona fide clips what a program would hand in behind the camera."""
    from antispoof.data.manifest import read_manifest
    from antispoof.simulation.clip.injected import write_injected

    count = each * sum(row.bona_fide for row in read_manifest(manifest))
    with progress_bar("injecting", count) as step:
        streams = write_injected(
            manifest, portraits, out, suite=suite, kinds=kind or (), each=each, seed=seed, progress=step
        )
    for why in streams.skipped:
        typer.echo(f"left out {why}", err=True)
    typer.echo(f"{len(streams.presentations)} SIMULATED streams; manifest: {streams.manifest}")


@simulate_app.command("iris")
def simulate_irises(
    out: Annotated[Path, typer.Argument(help="An empty or new folder.", show_default=False)],
    subjects: Annotated[int, typer.Option(help="How many eyes.")] = 60,
    bona_fide: Annotated[int, typer.Option(help="Bona fide presentations an eye.")] = 4,
    attacks: Annotated[int, typer.Option(help="Attack presentations an eye; kinds take turns.")] = 6,
    instrument: Annotated[list[str] | None, typer.Option(help="Only these kinds of attack.")] = None,
    family: Annotated[list[str] | None, typer.Option(help="Only these families of sensors.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same collection.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Processes; 0 means one a core.", min=0)] = 0,
) -> None:
    """Make near-infrared pictures of eyes, prints, contact lenses, screens and artificial eyes."""
    from antispoof.simulation.iris.collection import plan_irises, write_irises

    specs = plan_irises(seed, subjects, bona_fide, attacks, instrument or (), family or ())
    start = time.perf_counter()
    with progress_bar("simulating", len(specs)) as step:
        manifest = write_irises(specs, out, workers=workers or None, progress=step)
    rate = len(specs) / (time.perf_counter() - start)
    typer.echo(f"{len(specs)} SIMULATED presentations, {rate:.0f} a second; manifest: {manifest}")
    typer.echo(f"next: antispoof data summary {manifest} --sheet sheet.png")


@simulate_app.command("speech")
def simulate_speech(
    source: Annotated[Path, typer.Argument(help="Folder of bona fide speech.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="An empty or new folder.", show_default=False)],
    licence: Annotated[str, typer.Option(help="Terms of the speech.", show_default=False)],
    pattern: Annotated[str, typer.Option(help=r"Who speaks, e.g. '(?P<subject>\d+)-'.")] = "",
    kind: Annotated[list[str] | None, typer.Option(help="Only these kinds of spoof.")] = None,
    codec: Annotated[list[str] | None, typer.Option(help="Codecs, drawn alike for both classes.")] = None,
    chain: Annotated[
        list[str] | None, typer.Option(help="Recording chains, one of which is drawn for each scene.")
    ] = None,
    texts: Annotated[Path | None, typer.Option(help="Sentences for the engines, one a line.")] = None,
    vocoder: Annotated[
        list[str] | None, typer.Option(help="A trained vocoder, name=file.safetensors.", show_default=False)
    ] = None,
    scenes: Annotated[int, typer.Option(help="More takes of a file, each in another room.", min=0)] = 0,
    deliveries: Annotated[
        int,
        typer.Option(
            help="More versions of a clip, with sounds beside it, a room or a codec, alike for both classes.",
            min=0,
        ),
    ] = 0,
    seconds: Annotated[float, typer.Option(help="Longest piece of a file; 0 takes all.", min=0)] = 0.0,
    edges: Annotated[float, typer.Option(help="Seconds kept around what is heard.", min=0)] = 0.0,
    spoofs: Annotated[int, typer.Option(help="Spoofs made of each file, or of each scene of it.")] = 1,
    engine: Annotated[
        str, typer.Option(help="The files are what this engine said, and no bona fide speech.")
    ] = "",
    dataset: Annotated[str, typer.Option(help="Name in the manifest.")] = "simulated_speech",
    seed: Annotated[int, typer.Option(help="The same seed makes the same collection.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 1,
) -> None:
    """Make spoofs of recorded speech: vocoders, text to speech, replay, codecs."""
    from rich.console import Console

    from antispoof.data.summary import partition_table
    from antispoof.simulation.speech.collection import read_texts, speech_files, write_speech

    files = speech_files(source)
    sentences = read_texts(texts) if texts else ()
    trained = _trained_vocoders(vocoder or ())
    with progress_bar("synthesising", len(files)) as step:
        result = write_speech(
            files,
            out,
            licence=licence,
            pattern=pattern,
            kinds=kind or (),
            codecs=codec or (),
            chains=chain or (),
            texts=sentences,
            vocoders=trained,
            scenes=scenes,
            deliveries=deliveries,
            seconds=seconds,
            edges=edges,
            spoofs=spoofs,
            engine=engine,
            dataset=dataset,
            seed=seed,
            workers=workers,
            progress=step,
        )
    Console(highlight=False).print(text_table(*partition_table(result.presentations)))
    for path, why in result.skipped:
        typer.echo(f"left out {shown(path)}: {why}", err=True)
    simulated = sum(p.simulated for p in result.presentations)
    typer.echo(
        f"{simulated} SIMULATED clips, {len(result.skipped)} files left out; manifest: {result.manifest}"
    )


@simulate_app.command("replay")
def simulate_replays(
    source: Annotated[Path, typer.Argument(help="Folder of bona fide speech.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="An empty or new folder.", show_default=False)],
    licence: Annotated[str, typer.Option(help="Terms of the speech.", show_default=False)],
    pattern: Annotated[str, typer.Option(help=r"Who speaks, e.g. '(?P<subject>\d+)-'.")] = "",
    sites: Annotated[int, typer.Option(help="Rooms, each with a microphone and devices of its own.")] = 8,
    takes: Annotated[int, typer.Option(help="Sites at which each file is spoken and replayed.")] = 1,
    seconds: Annotated[float, typer.Option(help="Longest piece of a file; 0 takes all.", min=0)] = 0.0,
    dataset: Annotated[str, typer.Option(help="Name in the manifest.")] = "simulated_replays",
    seed: Annotated[int, typer.Option(help="The same seed makes the same collection.", min=0)] = 0,
) -> None:
    """Play recorded speech through loudspeakers into rooms, in the conditions of ASVspoof 2019 PA."""
    from rich.console import Console

    from antispoof.data.summary import partition_table
    from antispoof.simulation.speech.collection import speech_files
    from antispoof.simulation.speech.replay_collection import write_replays

    files = speech_files(source)
    with progress_bar("replaying", len(files)) as step:
        result = write_replays(
            files,
            out,
            licence=licence,
            pattern=pattern,
            sites=sites,
            takes=takes,
            seconds=seconds,
            dataset=dataset,
            seed=seed,
            progress=step,
        )
    Console(highlight=False).print(text_table(*partition_table(result.presentations)))
    for path, why in result.skipped:
        typer.echo(f"left out {shown(path)}: {why}", err=True)
    simulated = sum(p.simulated for p in result.presentations)
    met = len({p.attributes["site"] for p in result.presentations if "site" in p.attributes})
    if met < sites:
        typer.echo(
            f"{met} of {sites} sites were met, since there are no more files and takes: hand in more files, "
            "or ask for more --takes or fewer --sites",
            err=True,
        )
    typer.echo(
        f"{simulated} SIMULATED clips, {len(result.skipped)} files left out; manifest: {result.manifest}"
    )


def _trained_vocoders(given: Sequence[str]) -> Mapping[str, VocoderCopier]:
    if not given:
        return {}
    from antispoof.cli.app import needs_training

    needs_training()
    from antispoof.networks.vocoders import vocoders
    from antispoof.networks.vocoders.copier import VocoderCopier

    found = {}
    for entry in given:
        name, separator, path = entry.partition("=")
        if not separator or not Path(path).is_file():
            raise InputError(f"--vocoder takes name=file.safetensors, got {entry!r}")
        vocoders[name]
        found[f"copy_{name}"] = VocoderCopier(name, Path(path).resolve())
    return found
