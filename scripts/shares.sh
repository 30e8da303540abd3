# Runs commands one after the other within a limit of time, of which each gets its share; what one
# leaves over goes to those behind it. For scripts that source this file and define
#   weight NAME   prints how the time is shared out

# begin SECONDS FOLDER NAME...: all that is going to be run. FOLDER gets NAME.log.
begin() {
  deadline=$(($(date +%s) + $1))
  logs=$2
  shift 2
  mkdir -p "$logs" || exit 1
  weights=0
  for name in "$@"; do weights=$((weights + $(weight "$name"))); done
  summary=
  isFailed=no
  isAnyDone=no
  isAnyImpossible=no
}

# take_share NAME: the seconds that it may take, as `limit`. Once for each name.
take_share() {
  limit=$(((deadline - $(date +%s)) * $(weight "$1") / weights))
  weights=$((weights - $(weight "$1")))
}

# limited NAME COMMAND...: runs it for at most `limit` seconds; how it ended, as `outcome`.
# 77 says that there was nothing that could be done here, which is no failure of the rest.
limited() {
  log=$logs/$1.log
  : >"$log"
  if [ "$limit" -lt 5 ]; then
    outcome='left out: no time is left'
    isFailed=yes
    return
  fi
  echo "== $1, at most $limit s: $log" >&2
  shift
  timeout -k 2 $((limit - 2)) "$@" >"$log" 2>&1
  code=$?
  case $code in
    0) outcome=ok isAnyDone=yes ;;
    77) outcome=$(tail -n 1 "$log") isAnyImpossible=yes ;;
    124 | 137) outcome="the time was up after $((limit - 2)) s" isFailed=yes ;;
    *)
      outcome="failed with $code"
      isFailed=yes
      tail -n 15 "$log" >&2
      ;;
  esac
}

# tell NAME TEXT: a line of the summary.
tell() {
  line=$(printf '%-12s %s' "$1" "$2")
  echo "$line" >&2
  summary="$summary$line
"
}

# finish: the summary; 1 where something failed, 77 where nothing could be done at all.
finish() {
  printf '\n%s' "$summary" >&2
  [ $isFailed = no ] || exit 1
  [ $isAnyDone = yes ] || [ $isAnyImpossible = no ] || exit 77
  exit 0
}
