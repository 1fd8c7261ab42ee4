#!/bin/sh
# The collections of voice-edge-sources.yaml, and its training, from recordings to a bundle:
#
#   configs/ablations/voice-edge-sources.sh READ COMMANDS COMMANDS-2 WAKE-WORDS GLOWTTS NSF OUT
#
# READ, COMMANDS, COMMANDS-2 and WAKE-WORDS hold bona fide speech (251 speakers of LibriSpeech train, named SPEAKER-…; 155
# and 464 spoken commands, of people who are in both; 477 wake words), GLOWTTS and NSF what those two engines have said.
# All that is made is SIMULATED. Needs the engines that docs/guides/simulate.md lists, opus_demo for the neural layers of
# Opus among them, and takes about an hour on one core; what is finished is not made again.
set -eu
read=$1 commands=$2 commands2=$3 wake=$4 glowtts=$5 nsf=$6 out=$7
mkdir -p "$out"

make() { # NAME FOLDER LICENCE options…
    name=$1 folder=$2 licence=$3
    shift 3
    [ -f "$out/$name/manifest.csv" ] && return
    rm -rf "${out:?}/$name"
    antispoof simulate speech "$folder" "$out/$name" --licence "$licence" --deliveries 1 --edges 0.25 "$@"
}

share() { # NAME FOLDER NUMBER: every NUMBER-th recording, as links in OUT/of-NAME
    mkdir -p "$out/of-$1"
    number=0
    for file in "$2"/*; do
        number=$((number + 1))
        [ $((number % $3)) -ne 0 ] || ln -sf "$(realpath "$file")" "$out/of-$1/"
    done
}

chains="--chain mixed --chain studio --chain close --chain phone --chain browser --chain call --chain far --chain low_rate"
copies="--kind copy_channel_bands --kind copy_griffin_lim --kind copy_harmonic --kind copy_mel_bottleneck
    --kind copy_minimum_phase --kind copy_residual_excited --kind copy_source_filter --kind copy_world
    --kind copy_fargan --kind copy_mb_melgan"
talkers="--kind tts_espeak --kind tts_festival --kind tts_flite --kind tts_pico --kind tts_piper
    --kind tts_hibari --kind tts_kokoro"
speaker='(?P<subject>[0-9]+)-'
share talk "$read" 2
share hifigan "$read" 3
share wake "$wake" 2

# shellcheck disable=SC2086  # lists of options
{
    make read-copies "$read" "CC BY 4.0" --dataset read --pattern "$speaker" --seconds 4 --scenes 2 --spoofs 2 --seed 7 $chains $copies
    make command-copies "$commands" "Apache-2.0" --dataset commands --scenes 2 --spoofs 2 --seed 7 $chains $copies
    make commands2-copies "$commands2" "Apache-2.0" --dataset commands --scenes 1 --spoofs 1 --seed 7 $chains $copies
    make read-talkers "$out/of-talk" "CC BY 4.0" --dataset read --pattern "$speaker" --seconds 3 --scenes 1 --spoofs 2 --seed 7 \
        $chains $talkers
    make wake-copies "$out/of-wake" "Apache-2.0" --dataset wake-words --scenes 1 --spoofs 1 --seed 7 $chains $copies
    make glowtts "$glowtts" "MIT and per-voice licences" --dataset glowtts --engine tts_glowtts --scenes 1 --seconds 3 --seed 7 $chains
    make nsf "$nsf" "BSD-3" --dataset nsf --engine vocoder_nsf --scenes 1 --seconds 3 --seed 7 $chains
    make read-hifigan "$out/of-hifigan" "CC BY 4.0" --dataset read --pattern "$speaker" --seconds 2.2 --scenes 1 --seed 8 \
        $chains --kind copy_hifigan
}

antispoof data split "$out"/*/manifest.csv --out "$out/voice.csv" --seed 7
antispoof train configs/ablations/voice-edge-sources.yaml --set data.manifest="$out/voice.csv" --set run_dir="$out/voice-edge-sources"
antispoof export "$out/voice-edge-sources" -o "$out/voice-edge-sources.onnx"
