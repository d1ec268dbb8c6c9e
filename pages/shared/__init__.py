"""What several pages share on screen: navigation, model choice, caches, components. Nothing here computes."""
