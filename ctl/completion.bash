# SPDX-License-Identifier: GPL-2.0-only
# Completion by the synopses above, read as lib/grammar.c reads them. `words`: the command's words so far; `current`: the one
# being typed; `options`: those before the command.

# add what may stand for an argument of this name
_weir_argument()
{
	local item

	case $1 in
	DEV)
		for item in /sys/class/net/*; do
			candidates+=("${item##*/}")
		done
		;;
	FILE)
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
		[[ $1 == NAME && ${words[0]} != identity ]] && return
		[[ $1 == NAME ]] || candidates+=(any world host)
		while read -r item; do
			candidates+=("$item")
		done < <(weir "${options[@]}" identity list 2>/dev/null | awk 'NR > 1 { print $1 }')
		;;
	PROTO)
		candidates+=(tcp udp icmp icmpv6)
		;;
	COMMAND...)
		candidates+=("${_weir_synopses[@]%% *}")
		;;
	*=*)
		IFS='|' read -ra item <<<"${1#*=}"
		candidates+=("${item[@]}")
		;;
	esac
}

# add what one synopsis has to offer
_weir_synopsis()
{
	local token i position required=0
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
	for ((i = 0; position && i + 1 < ${#rest[@]}; i++)); do
		if [[ ${rest[i]#[} == "${words[-1]}" ]]; then
			token=${rest[i + 1]%]}
			[[ $token == [A-Z]* ]] && _weir_argument "$token"
			return
		fi
	done
	# else what this place must have, or when nothing is missing all that may follow
	while ((required < ${#rest[@]})) && [[ ${rest[required]} != "["* ]]; do
		((required += 1))
	done
	if ((position < required)); then
		rest=("[${rest[position]}")
	fi
	for token in "${rest[@]}"; do
		[[ $token == "["* ]] || continue
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
