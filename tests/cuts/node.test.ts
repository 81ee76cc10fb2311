import { cutTests } from "./cuts.ts";

cutTests("node");
