#!/bin/sh
# The collections that voice-edge learns from, and its training, from recordings to a bundle:
#
#   configs/voice-edge.sh READ COMMANDS GLOWTTS NSF OUT
#
# READ and COMMANDS hold bona fide speech (251 speakers of LibriSpeech train, named SPEAKER-…; 155 spoken commands),
# GLOWTTS and NSF what those two engines have said. All that is made is SIMULATED. Needs the engines that
# docs/guides/simulate.md lists, and takes three quarters of an hour on two cores; what is finished is not made again.
#
# Another model comes of it where the environment says WITHOUT, engines that this machine lacks ("copy_fargan tts_pico"):
# for trying whether all of it runs.
set -eu
read=$1 commands=$2 glowtts=$3 nsf=$4 out=$5
mkdir -p "$out"

make() { # NAME FOLDER LICENCE options…
    name=$1 folder=$2 licence=$3
    shift 3
    [ -f "$out/$name/manifest.csv" ] && return
    rm -rf "${out:?}/$name"
    OMP_NUM_THREADS=1 antispoof simulate speech "$folder" "$out/$name" --licence "$licence" --seed 7 --deliveries 2 \
        --workers "$(getconf _NPROCESSORS_ONLN)" "$@"
}

kinds() { # NAMES…: an option for each, but those to do without
    for kind in "$@"; do
        case " ${WITHOUT:-} " in *" $kind "*) echo "without $kind" >&2 ;; *) printf ' --kind %s' "$kind" ;; esac
    done
}

copies="$(kinds copy_channel_bands copy_griffin_lim copy_harmonic copy_mel_bottleneck copy_minimum_phase \
    copy_residual_excited copy_source_filter copy_world copy_fargan copy_mb_melgan)"
hifigan=$(kinds copy_hifigan)
talkers=$(kinds tts_espeak tts_festival tts_flite tts_pico tts_piper tts_hibari tts_kokoro)
speaker='(?P<subject>[0-9]+)-'

# shellcheck disable=SC2086  # lists of options
{
    make read-copies "$read" "CC BY 4.0" --dataset read --pattern "$speaker" --scenes 2 --spoofs 4 $copies
    [ -z "$hifigan" ] ||
        make read-hifigan "$read" "CC BY 4.0" --dataset read --pattern "$speaker" --scenes 1 --seconds 3 $hifigan
    [ -z "$talkers" ] ||
        make read-talkers "$read" "CC BY 4.0" --dataset read --pattern "$speaker" --spoofs 3 $talkers
    make command-copies "$commands" "Apache-2.0" --dataset commands --scenes 2 --spoofs 3 $copies
    make glowtts "$glowtts" "MIT and per-voice licences" --dataset glowtts --engine tts_glowtts --scenes 1
    make nsf "$nsf" "BSD-3" --dataset nsf --engine vocoder_nsf --scenes 1
}

set --
for name in read-copies read-hifigan read-talkers command-copies glowtts nsf; do
    [ ! -f "$out/$name/manifest.csv" ] || set -- "$@" "$out/$name/manifest.csv"
done
antispoof data split "$@" --out "$out/voice.csv" --seed 7
antispoof train configs/voice-edge.yaml --set data.manifest="$out/voice.csv" --set run_dir="$out/voice-edge"
antispoof export "$out/voice-edge" -o "$out/voice-edge.onnx"
