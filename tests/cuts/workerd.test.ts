import { cutTests } from "./cuts.ts";

cutTests("workerd");
