# SPDX-License-Identifier: GPL-2.0-only
# Completion by the words above, the synopses read as lib/grammar.c reads them. `words`: the command's words so far; `current`: the one
# being typed; `options`: those before the command.

# add what may stand for an argument of this name
_weir_argument()
{
	local item

	set -- "${1%...}"
	case $1 in
	DEV | OUT)
		for item in /sys/class/net/*; do
			candidates+=("${item##*/}")
		done
		;;
	FILE | PCAP)
		compopt -o filenames 2>/dev/null
		while IFS= read -r item; do
			candidates+=("$item")
		done < <(compgen -f -- "$current")
		;;
	VIP | POOL)
		while read -r item; do
			candidates+=("$item")
		done < <(weir "${options[@]}" vip list 2>/dev/null | awk 'NR > 1 { print $1 == "-" ? $2 : $1 }')
		;;
	FROM | TO | NAME)
		[[ $1 == NAME && (${words[0]} == vip || ${words[1]} == create) ]] && return
		[[ $1 == NAME ]] || candidates+=(any world host)
		while read -r item; do
			candidates+=("$item")
		done < <(weir "${options[@]}" "$([[ $1 == NAME ]] && echo "${words[0]}" || echo identity)" list 2>/dev/null |
			awk 'NR > 1 { print $1 }')
		;;
	SOURCE | DESTINATION)
		while read -r item; do
			candidates+=("@$item")
		done < <(weir "${options[@]}" set list 2>/dev/null | awk 'NR > 1 { print $1 }')
		;;
	ID)
		while read -r item; do
			candidates+=("$item")
		done < <(weir "${options[@]}" "${words[0]}" list 2>/dev/null |
			awk 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "ID") id = i } NR > 1 { print $id }' | grep -x '[0-9]*')
		;;
	PROTO)
		candidates+=("${_weir_protocols[@]}")
		;;
	PER)
		candidates+=(rule source destination)
		;;
	FLAGS)
		candidates+=(fin syn rst psh ack urg ece cwr)
		;;
	COMMAND)
		candidates+=("${_weir_synopses[@]%% *}")
		;;
	*=*)
		IFS='|' read -ra item <<<"${1#*=}"
		candidates+=("${item[@]}")
		;;
	esac
}

# The last words are a keyword and what belongs to it: add what comes next in its group. False: nothing does.
_weir_group()
{
	local token i k behind passed depth=0
	local -a names=() depths=()

	for token in "${rest[@]}"; do
		[[ $token == [\[\{]* ]] && ((depth += 1))
		[[ $token == *[]\}] ]] && ((depth -= 1))
		names+=("${token//[][\{\}]/}")
		depths+=("$depth")
	done
	for behind in 1 2; do
		((behind <= position)) || return
		for ((i = 0; i < ${#names[@]}; i++)); do
			[[ ${names[i]} == [a-z-]* && ${names[i]} == "${words[-behind]}" ]] || continue
			passed=0
			for ((k = i + 1; depths[k - 1] > 0 && k < ${#names[@]}; k++)); do
				if [[ ${names[k]} != [A-Z]* ]]; then
					((behind > 1)) || candidates+=("${names[k]}")
				elif ((++passed == behind)); then
					_weir_argument "${names[k]}"
					return 0
				fi
			done
		done
	done
	return 1
}

# add what one synopsis has to offer
_weir_synopsis()
{
	local token i position required=0 action=0
	local -a line rest

	read -ra line <<<"$1"
	for ((i = 0; i < ${#line[@]}; i++)); do
		[[ ${line[i]} == [a-z]* ]] || break
		if ((i == ${#words[@]})); then
			candidates+=("${line[i]}")
			return
		fi
		[[ ${line[i]} == "${words[i]}" ]] || return
	done
	position=$((${#words[@]} - i))
	rest=("${line[@]:i}")

	# behind a keyword comes its argument and nothing else
	_weir_group && return
	# else what this place must have, or when nothing is missing all that may follow
	while ((required < ${#rest[@]})) && [[ ${rest[required]} != [\[\{]* ]]; do
		((required += 1))
	done
	if ((position < required)); then
		rest=("[${rest[position]}")
	fi
	for token in "${rest[@]}"; do
		if [[ $token == "{"* && " ${words[*]} " == *" ${token//[{\}]/} "* ]]; then
			action=2 # one of the groups of which one must stand does
		fi
	done
	for token in "${rest[@]}"; do
		if [[ $token == "{"* ]]; then
			((action < 2)) && candidates+=("${token//[{\}]/}")
			((action)) || action=1
		fi
		[[ $token == "["* ]] || continue
		((action == 1)) && return
		token=${token#[}
		token=${token%]}
		if [[ $token == [A-Z]* ]]; then
			_weir_argument "$token"
		elif [[ " ${words[*]} " != *" $token "* ]]; then
			candidates+=("$token")
		fi
	done
}

_weir()
{
	local current='' item before synopsis
	local -a all words=() options=() candidates=()

	# by blanks alone: bash would also cut at the colons of services and addresses
	before=${COMP_LINE:0:COMP_POINT}
	read -ra all <<<"$before"
	if [[ $before != *[[:blank:]] ]]; then
		current=${all[-1]}
		unset 'all[-1]'
	fi
	set -- "${all[@]:1}"
	while (($#)); do
		case $1 in
		-n | -i)
			options+=("${@:1:2}")
			(($# > 1)) && shift
			;;
		-[a-z]) ;;
		*)
			words+=("$1")
			;;
		esac
		shift
	done
	if [[ ${all[-1]-} == -n ]]; then
		for item in /run/netns/*; do
			candidates+=("${item##*/}")
		done
	elif [[ ${all[-1]-} != -i ]]; then
		for synopsis in "${_weir_synopses[@]}"; do
			_weir_synopsis "$synopsis"
		done
	fi

	COMPREPLY=()
	before=
	[[ $current == *:* ]] && before=${current%:*}:
	while IFS= read -r item; do
		[[ $item == "$current"* ]] && COMPREPLY+=("${item#"$before"}")
	done < <(printf '%s\n' "${candidates[@]}" | sort -u)
}
complete -F _weir weir
