#!/bin/sh
# The man page, from what the program says of itself: sh man.sh PATH/nocturne > nocturne.1
set -eu
export LC_ALL=C.UTF-8 # elsewhere our own signs are ASCII
nocturne=$1
escape() { sed -e 's/\\/\\e/g' -e "s/^\\([.']\\)/\\\\\\&\\1/" -e 's/-/\\-/g'; }
version=$("$nocturne" --version | cut -d' ' -f2)
cat <<PAGE
.TH NOCTURNE 1 "" "nocturne $version" "User Commands"
.SH NAME
nocturne \- Bayesian auto\-tuner: the fewest tokens while exact match holds
.SH SYNOPSIS
.B nocturne
.I COMMAND
[\fIOPTION\fR...]
.SH DESCRIPTION
.nf
PAGE
"$nocturne" --help | escape
printf '.fi\n.SH COMMANDS\n'
for verb in $("$nocturne" --help | sed -n 's/^  \([a-z]*\)  *[a-z].*/\1/p' | grep -v '^nocturne$'); do
    printf '.SS %s\n.nf\n' "$verb"
    "$nocturne" "$verb" --help | escape
    echo .fi
done
cat <<PAGE
.SH FILES
.TP
.I ./nocturne.db
the database; \-\-db or NOCTURNE_DB name another
.TP
.I ./nocturne.files
logs and files of trials, beside the database
.TP
.I ./nocturne.token
the first operator's token, made by \fBnocturne serve\fR
.TP
.I /etc/default/nocturne
NOCTURNE_OPTIONS of the systemd unit \fBnocturne.service\fR
.SH ENVIRONMENT
.TP
.B NOCTURNE_DB
the database
PAGE
