#!/bin/sh
# The collections that voice-edge learns from, and its training, from recordings to a bundle:
#
#   configs/voice-edge.sh READ COMMANDS GLOWTTS NSF OUT
#
# READ and COMMANDS hold bona fide speech (251 speakers of LibriSpeech train, named SPEAKER-…; 155 spoken commands),
# GLOWTTS and NSF what those two engines have said. All that is made is SIMULATED. Needs the engines that
# docs/guides/simulate.md lists, and takes some two hours on two cores; what is finished is not made again.
set -eu
read=$1 commands=$2 glowtts=$3 nsf=$4 out=$5
mkdir -p "$out"

for vocoder in inverse-fourier transposed; do
    run=$out/vocoder-$vocoder
    [ -f "$run/vocoder.safetensors" ] ||
        antispoof train "configs/vocoder-$vocoder.yaml" --set speech="$read" --set run_dir="$run"
done

make() { # NAME FOLDER LICENCE options…
    name=$1 folder=$2 licence=$3
    shift 3
    [ -f "$out/$name/manifest.csv" ] && return
    rm -rf "${out:?}/$name"
    antispoof simulate speech "$folder" "$out/$name" --licence "$licence" --seed 7 --deliveries 1 "$@"
}

copies="--kind copy_channel_bands --kind copy_griffin_lim --kind copy_harmonic --kind copy_mel_bottleneck
    --kind copy_minimum_phase --kind copy_residual_excited --kind copy_source_filter --kind copy_world
    --kind copy_fargan --kind copy_mb_melgan --kind copy_inverse_fourier --kind copy_transposed
    --vocoder inverse_fourier=$out/vocoder-inverse-fourier/vocoder.safetensors
    --vocoder transposed=$out/vocoder-transposed/vocoder.safetensors"
talkers="--kind tts_espeak --kind tts_festival --kind tts_flite --kind tts_pico --kind tts_piper
    --kind tts_hibari --kind tts_kokoro"
speaker='(?P<subject>[0-9]+)-'

# shellcheck disable=SC2086  # lists of options
{
    make read-copies "$read" "CC BY 4.0" --dataset read --pattern "$speaker" --scenes 2 --spoofs 4 $copies
    make read-hifigan "$read" "CC BY 4.0" --dataset read --pattern "$speaker" --scenes 1 --seconds 3 --kind copy_hifigan
    make read-talkers "$read" "CC BY 4.0" --dataset read --pattern "$speaker" --spoofs 3 $talkers
    make command-copies "$commands" "Apache-2.0" --dataset commands --scenes 2 --spoofs 3 $copies
    make glowtts "$glowtts" "MIT and per-voice licences" --dataset glowtts --engine tts_glowtts --scenes 1
    make nsf "$nsf" "BSD-3" --dataset nsf --engine vocoder_nsf --scenes 1
}

antispoof data split "$out"/read-copies/manifest.csv "$out"/read-hifigan/manifest.csv "$out"/read-talkers/manifest.csv \
    "$out"/command-copies/manifest.csv "$out"/glowtts/manifest.csv "$out"/nsf/manifest.csv --out "$out/voice.csv" --seed 7
antispoof train configs/voice-edge.yaml --set data.manifest="$out/voice.csv" --set run_dir="$out/voice-edge"
antispoof export "$out/voice-edge" -o "$out/voice-edge.onnx"
