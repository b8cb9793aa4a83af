/* SPDX-License-Identifier: MIT */
/*
 * berth completion bash: a script made from the command tables. Per command it
 * has a row with subcommands, options (those of the help text: "-f, --format
 * FORMAT  …"; a word in capitals, or words|with|bars, is the option's value) and
 * what `complete` says of the arguments: one word per argument, the last one for
 * all that follow; "-" is an argument that nothing can be said about.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/cli.h"

static const char global_options[] = "      --socket PATH\n"
				     "  -q, --quiet\n"
				     "      --debug\n"
				     "  -h, --help\n";

/* Names come from berthd: they are compared and quoted, never expanded (compgen -W would run $(…) in them). */
static const char script_head[] =
	"# bash completion for berth, made by: berth completion bash\n"
	"# shellcheck shell=bash\n"
	"_berth_names() {\n"
	"\tcase $1 in\n"
	"\tinstance) \"${_berth[@]}\" list -c n -f csv ;;\n"
	"\tsnapshot)\n"
	"\t\tcase $cur in\n"
	"\t\t*/*) _berth_names snapshot-of-instance \"${cur%%/*}\" |\n"
	"\t\t\twhile IFS= read -r; do printf '%s/%s\\n' \"${cur%%/*}\" \"$REPLY\"; done ;;\n"
	"\t\t*) _berth_names instance ;;\n"
	"\t\tesac\n"
	"\t\t;;\n"
	"\tforward-of-instance) \"${_berth[@]}\" network forward list \"$2\" -f csv |\n"
	"\t\tsed -n 's/^[^,]*,[^,]*,tcp,\\*:\\([^,]*\\),.*/\\1/p; s/^[^,]*,[^,]*,udp,\\*:\\([^,]*\\),.*/udp:\\1/p' ;;\n"
	"\tvolume-of-instance) \"${_berth[@]}\" volume list \"$2\" -f csv | cut -d, -f2 ;;\n"
	"\tbackup-of-instance)\n"
	"\t\tprintf 'latest\\n'\n"
	"\t\t\"${_berth[@]}\" backup list \"$2\" -f csv | cut -d, -f2\n"
	"\t\t;;\n"
	"\timage) \"${_berth[@]}\" image alias list -f csv | cut -d, -f1 ;;\n"
	"\tnetwork) \"${_berth[@]}\" network list -f csv | cut -d, -f1 ;;\n"
	"\tpool) \"${_berth[@]}\" storage list -f csv | cut -d, -f1 ;;\n"
	"\tvolume-of-pool) [ -n \"$2\" ] && \"${_berth[@]}\" storage volume list \"$2\" type=custom -c n -f csv ;;\n"
	"\tprofile) \"${_berth[@]}\" profile list -f csv | cut -d, -f1 ;;\n"
	"\tproject) printf 'default\\n' ;;\n"
	"\twarning) \"${_berth[@]}\" warning list -a -c u -f csv ;;\n"
	"\tcertificate) \"${_berth[@]}\" config trust list -f csv | cut -d, -f3 ;;\n"
	"\ttemplate-of-instance) [ -n \"$2\" ] && \"${_berth[@]}\" config template list \"$2\" -f csv ;;\n"
	"\toperation) \"${_berth[@]}\" operation list -f csv | cut -d, -f1 ;;\n"
	"\tvolume) \"${_berth[@]}\" volume list -f csv | cut -d, -f1,2 --output-delimiter=/ ;;\n"
	"\tevent) printf '%s\\n' {pre,post}-{create,start,stop,delete,update,rename,snapshot,backup,restore,rebuild} "
	"host-load host-unload ;;\n"
	"\tbackup) \"${_berth[@]}\" backup list -f csv | cut -d, -f2 ;;\n"
	"\tdevice-of-instance) [ -n \"$2\" ] && \"${_berth[@]}\" config device list \"$2\" ;;\n"
	"\tsnapshot-of-instance) [ -n \"$2\" ] && \"${_berth[@]}\" query \"/1.0/instances/$2/snapshots\" |\n"
	"\t\tsed -n 's|.*/snapshots/\\(.*\\)\".*|\\1|p' | while IFS= read -r; do printf '%b\\n' \"${REPLY//%/\\\\x}\"; done ;;\n"
	"\tdevice-of-profile) [ -n \"$2\" ] && \"${_berth[@]}\" profile device list \"$2\" ;;\n"
	"\tFORMAT) printf '%s\\n' table compact json csv yaml ;;\n"
	"\tPROFILE) _berth_names profile ;;\n"
	"\tINSTANCE) _berth_names instance ;;\n"
	"\tIMAGE) _berth_names image ;;\n"
	"\tVOLUME) _berth_names volume ;;\n"
	"\tPOOL) _berth_names pool ;;\n"
	"\t*\\|*) printf '%s\\n' \"${1//|/$'\\n'}\" ;;\n"
	"\tesac 2>/dev/null </dev/null\n"
	"}\n"
	"\n"
	"# What begins like the word under the cursor, a name per line on stdin.\n"
	"_berth_reply() {\n"
	"\tlocal name\n"
	"\twhile IFS= read -r name; do\n"
	"\t\tif [[ -n $name && $name == \"$cur\"* ]]; then\n"
	"\t\t\tprintf -v name %q \"$name\"\n"
	"\t\t\tCOMPREPLY+=(\"$name\")\n"
	"\t\tfi\n"
	"\tdone\n"
	"}\n"
	"\n"
	"_berth_files() {\n"
	"\tlocal name\n"
	"\tcompopt -o filenames 2>/dev/null\n"
	"\twhile IFS= read -r name; do COMPREPLY+=(\"$name\"); done < <(compgen -f -- \"$cur\")\n"
	"}\n"
	"\n"
	"_berth_value() {\n"
	"\tcase $1 in\n"
	"\tfile | FILE | PATH | DIR) _berth_files ;;\n"
	"\t*) _berth_reply < <(_berth_names \"$1\" \"$2\") ;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"# The row of a command: its full name, subcommands, options (with =VALUE when they take one), arguments.\n"
	"_berth_command() {\n"
	"\tcase $1 in\n";

static const char script_tail[] =
	"\t*) return 1 ;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"_berth_complete() {\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} name subs options args word option i=1 n=0 first='' value='' more=1\n"
	"\tlocal _berth=(\"${COMP_WORDS[0]}\")\n"
	"\tCOMPREPLY=()\n"
	"\t_berth_command berth\n"
	"\tfor (( ; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tif [[ $word == -- ]]; then\n"
	"\t\t\tmore=\n"
	"\t\t\tbreak\n"
	"\t\telif [[ $word == '=' ]]; then\n"
	"\t\t\tcontinue\n"
	"\t\telif [[ -n $value ]]; then\n"
	"\t\t\t[[ $value == --socket=* ]] && _berth+=(--socket \"$word\")\n"
	"\t\t\tvalue=\n"
	"\t\telif [[ $word == -* ]]; then\n"
	"\t\t\tfor option in $options; do\n"
	"\t\t\t\t[[ $option == \"$word\"=* ]] && value=$option\n"
	"\t\t\tdone\n"
	"\t\telif [[ -n $subs ]]; then\n"
	"\t\t\t_berth_command \"$name $word\" || return 0\n"
	"\t\telse\n"
	"\t\t\tn=$((n + 1))\n"
	"\t\t\t[[ $n == 1 ]] && first=$word\n"
	"\t\tfi\n"
	"\tdone\n"
	"\t[[ $cur == '=' ]] && cur=\n"
	"\tif [[ -z $more ]]; then\n"
	"\t\t_berth_files\n"
	"\telif [[ -n $value ]]; then\n"
	"\t\t_berth_value \"${value#*=}\"\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\t_berth_reply < <(for option in $options; do printf '%s\\n' \"${option%%=*}\"; done)\n"
	"\telif [[ -n $subs ]]; then\n"
	"\t\t_berth_reply <<<\"${subs// /$'\\n'}\"\n"
	"\telif [[ -n $args ]]; then\n"
	"\t\tlocal list\n"
	"\t\tread -r -a list <<<\"$args\"\n"
	"\t\t((n < ${#list[@]})) || n=$((${#list[@]} - 1))\n"
	"\t\t_berth_value \"${list[n]}\" \"$first\"\n"
	"\tfi\n"
	"\treturn 0\n"
	"}\n"
	"complete -F _berth_complete berth\n";

static size_t word_length(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_|");
}

/* " --format=FORMAT" for each option of one help line, if it is the line of an option. */
static void put_option_line(struct strbuf *out, const char *line)
{
	const char *names[2], *value = NULL;
	size_t lengths[2], value_length = 0, n = 0, i;

	line += strspn(line, " ");
	while (*line == '-' && n < 2) {
		names[n] = line;
		lengths[n] = word_length(line);
		line += lengths[n++];
		if (strncmp(line, ", ", 2) != 0)
			break;
		line += 2;
		line += strspn(line, " ");
	}
	if (n > 0 && (*line == ' ' || *line == '=') && word_length(line + 1) > 0) {
		value = line + 1;
		value_length = word_length(value);
		if (!isupper((unsigned char)*value) && !memchr(value, '|', value_length))
			value = NULL;
	}
	for (i = 0; i < n; i++) {
		if (lengths[i] == strlen("--profile") && strncmp(names[i], "--profile", lengths[i]) == 0) {
			value = "PROFILE";
			value_length = strlen(value);
		}
	}
	for (i = 0; i < n; i++) {
		strbuf_addf(out, " %.*s", (int)lengths[i], names[i]);
		if (value)
			strbuf_addf(out, "=%.*s", (int)value_length, value);
	}
}

static void put_options(struct strbuf *out, const char *help)
{
	while (help && *help) {
		put_option_line(out, help);
		help = strchr(help, '\n');
		help = help ? help + 1 : NULL;
	}
}

/* The case label: the name and every alias. */
static void put_label(struct strbuf *out, const char *prefix, const struct command *cmd)
{
	const char *const *alias;

	strbuf_addf(out, "\t\"%s%s\"", prefix, cmd->name);
	for (alias = cmd->aliases; alias && *alias; alias++)
		strbuf_addf(out, " | \"%s%s\"", prefix, *alias);
	strbuf_addstr(out, ")\n");
}

static void put_command(struct strbuf *out, const char *prefix, const struct command *cmd)
{
	AUTO_FREE char *below = mem_printf("%s%s ", prefix, cmd->name);
	const struct command *sub;

	put_label(out, prefix, cmd);
	strbuf_addf(out, "\t\tname=\"%s%s\" subs=\"", prefix, cmd->name);
	for (sub = cmd->sub; sub && sub->name; sub++)
		strbuf_addf(out, "%s%s", sub == cmd->sub ? "" : " ", sub->name);
	strbuf_addstr(out, "\" options=\"");
	put_options(out, cmd->options);
	put_options(out, global_options);
	strbuf_addf(out, "\" args=\"%s\"\n\t\t;;\n", cmd->complete ? cmd->complete : "");
	for (sub = cmd->sub; sub && sub->name; sub++)
		put_command(out, below, sub);
}

static void put_script(struct strbuf *out)
{
	const struct command *const *cmd;

	strbuf_addstr(out, script_head);
	strbuf_addstr(out, "\tberth)\n\t\tname=berth subs=\"");
	for (cmd = cli_root; *cmd; cmd++)
		strbuf_addf(out, "%s%s", cmd == cli_root ? "" : " ", (*cmd)->name);
	strbuf_addstr(out, "\" options=\"");
	put_options(out, global_options);
	strbuf_addstr(out, " --version\" args=\"\"\n\t\t;;\n");
	for (cmd = cli_root; *cmd; cmd++)
		put_command(out, "berth ", *cmd);
	strbuf_addstr(out, script_tail);
}

static int completion_bash(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	if (cli_getopt(cli, argc, argv, "", NULL) != -1 || cli_argc(cli, argc, 0, 0) != 0)
		return CLI_USAGE;
	put_script(&out);
	fputs(out.buf, stdout);
	return 0;
}

static const struct command completion_commands[] = {
	{ .name = "bash",
	  .args = "",
	  .summary = "Print the completion script for bash",
	  .examples = "  source <(berth completion bash)\n"
		      "      For this shell.\n\n"
		      "  berth completion bash > /etc/bash_completion.d/berth\n"
		      "      For all of them.\n",
	  .run = completion_bash },
	{ 0 },
};

const struct command cmd_completion = {
	.name = "completion",
	.summary = "Print a completion script for the shell",
	.examples = "  source <(berth completion bash)\n",
	.sub = completion_commands,
};
