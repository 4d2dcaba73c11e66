import { cellsOfProcesses } from "./all-cells.ts";
import { testCells } from "./test-cells.ts";

testCells(cellsOfProcesses);
