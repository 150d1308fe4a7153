/** Terraform's providers, where their publishers have them in a registry. Their versions stand in the cluster file. */
export const providerSources = {
  null: "hashicorp/null",
  local: "hashicorp/local",
  docker: "kreuzwerker/docker",
} as const;
