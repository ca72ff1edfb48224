#!/usr/bin/env bash
# Follows an evidence record (RFC 4998) that was not renewed, with bash and openssl alone.
# usage: bash follow-record.sh RECORD.ers TRUST.pem FILE...     the FILEs are what the record shall prove
set -euo pipefail
export LC_ALL=C
record=$1 trust=$2; shift 2
shown=$(openssl asn1parse -inform DER -in "$record")
digest=$(sed -n 's/.*d=3 .*OBJECT *://p' <<<"$shown")

# The reduced hash tree: a word “list” before the hashes of each list (RFC 4998 §4.2).
tree=$(sed -n 's/.*d=5 .*cons: SEQUENCE.*/list/p; s/.*d=6 .*OCTET STRING.*\[HEX DUMP\]://p' <<<"$shown")

hash_of() { openssl dgst "-$digest" -r "$@" | cut -d' ' -f1 | tr a-f A-F; }
bytes() { local hex; hex=$(sed 's/../\\x&/g' | tr -d '\n'); printf "$hex"; }

# 1. Each file's hash stands in the first list.
first=$(sed '1d; /list/,$d' <<<"$tree")
for file in "$@"; do
  grep -qx "$(hash_of "$file")" <<<"$first" || { echo "$file is not what the record proves"; exit 1; }
  echo "$file stands in the record"
done

# 2. Each list with the result so far: sorted, concatenated, hashed; one value alone passes through (§4.2).
result= list=
fold() {
  local all; all=$(printf '%s\n' $result $list | sort)
  if [ "$(wc -l <<<"$all")" = 1 ]; then result=$all; else result=$(bytes <<<"$all" | hash_of); fi
  list=
}
for word in $tree list; do if [ "$word" = list ]; then [ -z "$list" ] || fold; else list="$list $word"; fi; done
echo "hash tree leads to $result"

# 3. The timestamp is over that result.
token=$(mktemp); trap 'rm -f "$token"' EXIT
openssl asn1parse -inform DER -in "$record" -strparse "$(sed -n 's/^ *\([0-9]*\):d=4 .*cons: SEQUENCE.*/\1/p' <<<"$shown")" -noout -out "$token"
openssl ts -reply -token_in -in "$token" -token_out -text 2>/dev/null | grep '^Time stamp'
openssl ts -verify -token_in -in "$token" -digest "$result" -CAfile "$trust" 2>&1 | grep '^Verification'
