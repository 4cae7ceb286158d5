#!/bin/sh
# models.sh DATA [LETTERS]: trains a small and a large model on so many letters, and makes integers of their weights: small4.model,
# small8.model and large.model in this folder, those that are missing.
set -eu
data=$1
letters=${2:-1500000}

train() {
    [ -s "$1.float" ] || g2p_train --data "$data" --batch 16 --lr 3e-3 --patience 50 --cap "$2" --model "$3" --save "$1.float" >"$1.log"
}
shrink() {
    [ -s "$2" ] || g2p_compress --data "$data" --in "$1.float" --bits "$3" --out "$2" >>"$1.log"
}
train small "$letters" mlp &
train large "$letters" conv
wait $!
shrink small small4.model 4
shrink small small8.model 8
shrink large large.model 8
