/** Shows what a long command is doing: one changing line on a terminal, a line for each step elsewhere. */

export interface Progress {
  say(line: string): void;
  /** Clears the changing line. */
  done(): void;
}

export function progress(name: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) {
    return { say: (line) => void stream.write(`${name}: ${line}\n`), done: () => {} };
  }
  const width = () => Math.max(20, (stream.columns || 80) - 1);
  return {
    say: (line) => void stream.write(`\r\x1b[K${`${name}: ${line} …`.slice(0, width())}`),
    done: () => void stream.write("\r\x1b[K"),
  };
}

/** Colours text for a terminal, unless nobody wants colours. */
export type Paint = (colour: "green" | "red" | "yellow" | "dim" | "bold", text: string) => string;

export function painter(stream: NodeJS.WriteStream = process.stdout): Paint {
  const codes = { green: 32, red: 31, yellow: 33, dim: 2, bold: 1 };
  const wanted = stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  return (colour, text) => (wanted ? `\x1b[${codes[colour]}m${text}\x1b[0m` : text);
}

export const unpainted: Paint = (_, text) => text;
