// Rows of a form's lists are fields called LIST.ROW.FIELD. When rows come, go or move, they are counted anew.

/** The name, id or value of something in a row, for another place in the list: "header.3.name" becomes "header.0.name". */
export function renumber(text: string, list: string, row: number): string {
  const escaped = list.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return text
    .replace(new RegExp(`^(${escaped})\\.(\\d+|#)\\.`), `$1.${row}.`)
    .replace(new RegExp(`(-${escaped})-(\\d+|-)-`), `$1-${row}-`)
    .replace(new RegExp(`^(up|down|remove):(${escaped}):(\\d+|#)$`), `$1:$2:${row}`);
}
