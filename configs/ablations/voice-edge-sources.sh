#!/bin/sh
# The collections of voice-edge-sources.yaml, and its training, from recordings to a bundle:
#
#   configs/ablations/voice-edge-sources.sh READ COMMANDS COMMANDS-2 WAKE-WORDS GLOWTTS NSF OUT
#
# As configs/voice-edge.sh, with two more sources of bona fide speech, and recording chains for every one of them.
# COMMANDS and COMMANDS-2 share people, so they are one dataset. All that is made is SIMULATED. What is finished is
# not made again.
set -eu
read=$1 commands=$2 commands2=$3 wake=$4 glowtts=$5 nsf=$6 out=$7
mkdir -p "$out"

make() { # NAME FOLDER LICENCE options…
    name=$1 folder=$2 licence=$3
    shift 3
    [ -f "$out/$name/manifest.csv" ] && return
    rm -rf "${out:?}/$name"
    antispoof simulate speech "$folder" "$out/$name" --licence "$licence" --seed 7 --deliveries 1 --edges 0.25 "$@"
}

chains="--chain mixed --chain studio --chain close --chain phone --chain browser --chain call --chain far"
copies="--kind copy_channel_bands --kind copy_griffin_lim --kind copy_harmonic --kind copy_mel_bottleneck
    --kind copy_minimum_phase --kind copy_residual_excited --kind copy_source_filter --kind copy_world
    --kind copy_fargan --kind copy_mb_melgan"
talkers="--kind tts_espeak --kind tts_festival --kind tts_flite --kind tts_pico --kind tts_piper
    --kind tts_hibari --kind tts_kokoro"
speaker='(?P<subject>[0-9]+)-'

# shellcheck disable=SC2086  # lists of options
{
    make read-copies "$read" "CC BY 4.0" --dataset read --pattern "$speaker" --seconds 4 --scenes 2 --spoofs 2 $chains $copies
    make read-hifigan "$read" "CC BY 4.0" --dataset read --pattern "$speaker" --seconds 2.5 --scenes 1 $chains \
        --kind copy_hifigan
    make read-talkers "$read" "CC BY 4.0" --dataset read --pattern "$speaker" --seconds 4 --spoofs 2 $talkers
    make command-copies "$commands" "Apache-2.0" --dataset commands --scenes 2 --spoofs 2 $chains $copies
    make commands2-copies "$commands2" "Apache-2.0" --dataset commands --scenes 1 --spoofs 2 $chains $copies
    make wake-copies "$wake" "Apache-2.0" --dataset wake-words --scenes 1 --spoofs 2 $chains $copies
    make glowtts "$glowtts" "MIT and per-voice licences" --dataset glowtts --engine tts_glowtts --scenes 1 $chains
    make nsf "$nsf" "BSD-3" --dataset nsf --engine vocoder_nsf --scenes 1 $chains
}

antispoof data split "$out"/*/manifest.csv --out "$out/voice.csv" --seed 7
antispoof train configs/ablations/voice-edge-sources.yaml --set data.manifest="$out/voice.csv" \
    --set run_dir="$out/voice-edge-sources"
antispoof export "$out/voice-edge-sources" -o "$out/voice-edge-sources.onnx"
